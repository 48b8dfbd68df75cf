# SPDX-License-Identifier: GPL-2.0-or-later
"""Calls: the callee is followed, and what is behind the call as soon as the callee returns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from patcher.binary.model import Origin
from patcher.follow import returns
from patcher.follow.edges import Edge, Via, key_of
from patcher.follow.inline_text import behind_text
from patcher.follow.lane import Lane
from patcher.follow.model import ProblemKind
from patcher.follow.modes import Processor, instruction
from patcher.follow.padding import behind_padding
from patcher.follow.pointers import LOWEST_ABSOLUTE
from patcher.x86.walk import Item

if TYPE_CHECKING:
    from patcher.follow.explorer import Explorer


class Calls:
    """The calls of one round of following."""

    def __init__(self, explorer: Explorer) -> None:
        self.x = explorer
        self.space, self.knowledge = explorer.space, explorer.knowledge
        self.called: dict[int, int | None] = {}
        """Key of what is called → by how much it moves its return address, None when it takes that."""

    def call(self, lane: Lane, item: Item, target: int, owner: int, now: Processor) -> int | None:
        """A direct call; returns the offset at which to go on at once, if any."""
        offset, length, _ = item
        behind, source = offset + length, lane.base + offset
        if target == lane.base + behind:
            return behind
        if target in self.knowledge.never:
            return None
        if not self.space.is_code(target):
            if not self.knowledge.has_field(source, source + length):
                self.x.leave((target, lane.bits, Via.CALL, source, owner, now))
            return None if self._is_last(lane, behind) else behind
        shift = self._shift(target, lane.bits)
        if shift is None:
            self.x.work.append((target, lane.bits, Via.JUMP, source, owner, now))
            self._behind_text(lane, behind, source, owner, now)
            return None
        back = (lane.base + behind + shift, lane.bits, Via.RETURN, source, owner, now)
        if not shift and self._is_last(lane, behind):
            self._enter(target, back)
            if behind < lane.size:
                self.x.drop(lane, behind)
            return None
        if not shift and key_of(target, lane.bits) in self.x.returning.known:
            return behind
        self._into(target, back)
        return None

    def _behind_text(self, lane: Lane, behind: int, source: int, owner: int, now: Processor) -> None:
        """A callee that takes its return address may return behind text."""
        end = behind_text(lane.code, behind)
        if end is not None and end < lane.size:
            self.x.later.append((lane.base + end, lane.bits, Via.EVENT, source, owner, now))

    def _is_last(self, lane: Lane, behind: int) -> bool:
        """Does the function end behind this call? Compilers put nothing there only when the callee never returns."""
        address = lane.base + behind
        if address in self.space.rewrites.borders:
            return False
        return behind >= lane.size or address in self.knowledge.ends

    def _into(self, target: int, back: Edge) -> None:
        """Follow a callee, and the edge back from it when it is seen to return."""
        callee = key_of(target, back[1])
        if callee in self.x.returning.known:
            self.x.work.append(back)
        else:
            self.x.returning.wait(callee, back)
        self._enter(target, back)

    def _enter(self, target: int, back: Edge) -> None:
        """Follow a callee that was not followed yet. One to which a jump came first returns when that path does."""
        _, bits, _, source, owner, now = back
        callee = key_of(target, bits)
        first = self.x.returning.owners.first(callee)
        if first is None:
            self.begin(target, bits, source, owner, now)
        elif first != callee:
            self.x.returning.join(callee, target, bits)

    def begin(self, target: int, bits: int, source: int, owner: int, now: Processor) -> None:
        """Follow a callee, which is a function of its own."""
        callee = key_of(target, bits)
        self.x.origins.setdefault(callee, self.x.origins.get(owner, Origin.RELOCATION))
        self.x.work.append((target, bits, Via.CALL, source, callee, now))

    def calls_what_never_returns(self, lane: Lane, offset: int) -> bool:
        """Is it a call through an import's slot whose function never returns?"""
        code = lane.code
        if code[offset] != 0xFF or lane.bits == 16:
            return False
        disp = int.from_bytes(code[offset + 2 : offset + 6], "little", signed=True)
        if code[offset + 1] == 0x15:  # absolute, or relative to the next instruction in 64-bit code
            slot = disp + (lane.base + offset + 6 if lane.bits == 64 else 0)
        elif code[offset + 1] == 0x93 and self.knowledge.got is not None:
            slot = disp + self.knowledge.got
        else:
            return False
        return slot & (0xFFFFFFFF if lane.bits == 32 else 0xFFFFFFFFFFFFFFFF) in self.knowledge.never

    def indirect_call(self, lane: Lane, item: Item, owner: int, now: Processor) -> None:
        """A call through a register: followed when the few instructions before it tell where to."""
        offset = item[0]
        insn = instruction(lane, offset)
        if insn is None or insn.is_memory or insn.opmap or insn.opcode != 0xFF or insn.reg != 2:
            return
        state, _ = self.x.hindsight.state(lane, offset, 6)
        target = state.register(insn.rm | (insn.rex & 1) << 3, state.natural).known
        if target is None or target < LOWEST_ABSOLUTE:
            return
        if not self.space.is_code(target):
            if lane.bits != 16:
                self._leaves_code(lane, offset, target)
            return
        if key_of(target, lane.bits) not in self.x.parents:
            self.begin(target, lane.bits, lane.base + offset, owner, now)

    def drop_returns(self) -> None:
        """What is behind calls whose callee was not seen to return is taken for never reached."""
        for edges in self.x.returning.waiting.values():
            for address, bits, *_ in edges:
                lane = self.space.lane(address, bits)
                if lane is not None:
                    self.x.drop(lane, behind_padding(lane, address - lane.base))

    def _leaves_code(self, lane: Lane, offset: int, target: int) -> None:
        """A call through a register leads out of the code of the file."""
        if target in self.knowledge.elsewhere:
            return
        inside = self.space.section_index(target) >= 0
        kind = ProblemKind.BAD_PATH if inside else ProblemKind.OUTSIDE
        sentence = f"it leads to {target:#x}, which the file {'does not say is code' if inside else 'does not hold'}"
        self.x.problem(lane.base + offset, lane.bits, kind, sentence)

    def _shift(self, target: int, bits: int) -> int | None:
        key = key_of(target, bits)
        if key not in self.called:
            lane = self.space.lane(target, bits)
            self.called[key] = 0 if lane is None else returns.return_shift(lane, target - lane.base)
        return self.called[key]
