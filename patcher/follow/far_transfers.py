# SPDX-License-Identifier: GPL-2.0-or-later
"""Far jumps, far returns and iret: where to, and into which mode."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from patcher.binary.model import Origin
from patcher.follow.edges import Via, key_of
from patcher.follow.far_target import far_target
from patcher.follow.lane import Lane
from patcher.follow.model import ProblemKind
from patcher.follow.modes import Processor
from patcher.follow.operands import stack_slot
from patcher.follow.segments import near
from patcher.follow.state import State
from patcher.follow.values import Value
from patcher.x86.insn import Insn

if TYPE_CHECKING:
    from patcher.follow.explorer import Explorer

FAR_JUMP: Final = 0xEA
_LOOK_BACK: Final = 64
"""How many instructions before a far transfer are evaluated: a switch of modes sets up much before it jumps."""


class FarTransfers:
    """The far transfers of one round of following."""

    def __init__(self, explorer: Explorer) -> None:
        self.x = explorer
        self.space, self.knowledge = explorer.space, explorer.knowledge

    def far(self, lane: Lane, offset: int, insn: Insn, owner: int, now: Processor) -> None:
        """A far jump, or a far return or iret to a pointer that the path pushed."""
        if insn.opcode == FAR_JUMP:
            self._switch(lane, offset, now, insn.imm2, insn.imm, owner, insn.operand_size == 16)
            return
        state, _ = self.x.hindsight.state(lane, offset, _LOOK_BACK)
        if len(state.stack) >= 2 and state.stack[-1].known is not None:
            selector = state.stack[-2].known
            self._switch(lane, offset, now, selector, state.stack[-1].const, owner)
        else:
            self.x.returning.returns(owner)

    def _switch(
        self,
        lane: Lane,
        offset: int,
        now: Processor,
        selector: int | None,
        to: int,
        owner: int,
        narrow: bool = False,
    ) -> None:
        """A far transfer to a known pointer, perhaps into another mode; `narrow` when the offset has 16 bits."""
        self.x.returning.returns(owner)
        address = lane.base + offset
        found = far_target(self.space, lane, now, selector, to, address + lane.lengths[offset], narrow)
        if found is None:
            sentence = f"the size of the code at {to:#x} is not known"
            self.knowledge.problem(address, lane.bits, ProblemKind.UNKNOWN_MODE, sentence)
            return
        target, bits = found
        if bits != lane.bits and self.x.is_followed(target, lane.bits):
            sentence = "it leads to an address that is filled in when the program runs"
            self.knowledge.problem(address, lane.bits, ProblemKind.UNRESOLVED_JUMP, sentence)
            return
        self.x.origins.setdefault(key_of(target, bits), self.x.origins.get(owner, Origin.RELOCATION))
        now = replace(now, narrow=bits == 16 and (lane.bits != 16 or now.narrow))
        self.x.work.append((target, bits, Via.ENTRY, address, key_of(target, bits), now))

    def through_memory(self, lane: Lane, offset: int, insn: Insn, owner: int, now: Processor) -> None:
        """jmp m16:16, m16:32: the path stored the pointer, or it is in the file."""
        found = self._stored(lane, offset, insn) or self._in_file(lane, offset, insn)
        if found is not None:
            self._switch(lane, offset, now, found[1], found[0], owner)
            return
        self.x.returning.returns(owner)
        sentence = "where it jumps to is not known"
        self.knowledge.problem(lane.base + offset, lane.bits, ProblemKind.UNRESOLVED_JUMP, sentence)

    def _stored(self, lane: Lane, offset: int, insn: Insn) -> tuple[int, int | None] | None:
        """Offset and selector as the path stored or pushed them."""
        state, _ = self.x.hindsight.state(lane, offset, _LOOK_BACK)
        where, slot = state.address(insn, lane.base + offset), stack_slot(state, insn)
        first = state.slots.get(where) if slot is None else state.stack[slot]
        if first is None or first.known is None:
            return None
        second = state.slots.get(where.plus(Value(_width(insn)), state.mask))
        selector = second.known if second is not None else None
        return first.const, selector and selector & 0xFFFF

    def _in_file(self, lane: Lane, offset: int, insn: Insn) -> tuple[int, int | None] | None:
        state, _ = self.x.hindsight.state(lane, offset, _LOOK_BACK)
        address = state.address(insn, lane.base + offset).known
        for place in () if address is None else self._places(lane, insn, address, state):
            pointer, selector = self.space.read(place, _width(insn)), self.space.read(place + _width(insn), 2)
            if pointer is not None and selector is not None and (pointer or selector):
                return pointer, selector  # zero stands for what is filled in when the program runs
        return None

    def _places(self, lane: Lane, insn: Insn, address: int, state: State) -> tuple[int, ...]:
        """Where a memory operand may lie; its segment is known when the path loaded DS."""
        if lane.bits == 16 and insn.segment is None and state.ds is not None:
            return ((state.ds << 4) + (address & 0xFFFF),)
        return address, near(self.space, lane, address)


def _width(insn: Insn) -> int:
    return 2 if insn.operand_size == 16 else insn.operand_size >> 3
