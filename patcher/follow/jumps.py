# SPDX-License-Identifier: GPL-2.0-or-later
"""Near returns and indirect jumps: to a constant, through a table, or to where nothing tells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from patcher.follow.edges import Via
from patcher.follow.jump_tables import resolve
from patcher.follow.lane import Lane
from patcher.follow.likelihood import is_text
from patcher.follow.model import ProblemKind
from patcher.follow.modes import Processor
from patcher.follow.operands import rm_of
from patcher.follow.segments import near
from patcher.follow.state import ESP, State
from patcher.follow.table_entries import Targets
from patcher.follow.tail_calls import is_pointer
from patcher.follow.values import Value
from patcher.x86.insn import Insn

if TYPE_CHECKING:
    from patcher.follow.explorer import Explorer

_PATHS: Final = (4, 8, 20, 64)
"""How far to look back for what an indirect jump uses. A longer path knows more, but may know an index too well: the
first is as long as masking and scaling one."""
_STACK_WRITERS: Final = frozenset(
    (0x68, 0x6A, 0xFF, 0xC7, 0x89, 0x87, 0x81, 0x83, 0x01, 0x29, 0x31, *range(0x50, 0x58))
)
_BETWEEN: Final = 4
_OF_REGISTERS: Final = frozenset((0x89, 0x87, 0x81, 0x83, 0x01, 0x29, 0x31, 0xC7))


class Jumps:
    """The returns and indirect jumps of one round of following."""

    def __init__(self, explorer: Explorer) -> None:
        self.x = explorer
        self.space, self.knowledge = explorer.space, explorer.knowledge
        self._returns_used = False
        """Was a return seen that is a jump? Then others may be, behind it."""

    def near_return(self, lane: Lane, offset: int, owner: int, now: Processor) -> None:
        """ret; a jump when the path itself pushed where it goes."""
        before = lane.before(offset)
        writes = before is not None and self._writes_stack(lane, before)
        if writes or self._returns_used:
            state, path = self.x.hindsight.state(lane, offset, 24)
            used = writes or any(insn.opmap == 0 and insn.opcode == 0xC3 for _, insn, _ in path)
            target = state.stack[-1].known if used and state.stack else None
            if target is not None and self._may_return_to(lane, near(self.space, lane, target)):
                self._returns_used = True
                self._go(lane, near(self.space, lane, target), Via.JUMP, offset, owner, now)
                return
        self.x.returning.returns(owner)

    def _may_return_to(self, lane: Lane, target: int) -> bool:
        """Text behind a call is where its callee was called from, but not where it returns to."""
        there = self.space.lane(target, lane.bits)
        return self.space.is_code(target) and there is not None and not is_text(there, target - there.base)

    def _writes_stack(self, lane: Lane, before: int) -> bool:
        """May the instruction at an offset, or one right before it, write what a return takes?"""
        for _ in range(_BETWEEN):
            at = before + 1 if lane.bits == 64 and lane.code[before] & 0xF0 == 0x40 else before
            if lane.code[at] not in _STACK_WRITERS:
                return False
            if not _is_harmless(lane.code[at], lane.code[at + 1]):
                return True
            earlier = lane.before(before)
            if earlier is None:
                return False
            before = earlier
        return True

    def indirect(self, lane: Lane, offset: int, insn: Insn, owner: int, now: Processor) -> None:
        """A near jmp through a register or memory: a constant, a jump table, a pointer, or unresolved."""
        best = self._targets(lane, offset, insn)
        if best.addresses:
            self._follow_targets(lane, offset, best, owner, now)
            return
        self.x.returning.returns(owner)
        if not best.leaves and not self._is_tail_call(lane, offset, insn):
            sentence = "where it jumps to is not known"
            self.x.problem(lane.base + offset, lane.bits, ProblemKind.UNRESOLVED_JUMP, sentence)

    def _is_tail_call(self, lane: Lane, offset: int, insn: Insn) -> bool:
        """Does it leave its function through a pointer, to a place whose address the program takes?"""
        state = self.x.hindsight.before_tail_call(lane, offset, self.x.calls.called)
        return state is not None and is_pointer(_value(state, insn, lane.base + offset), state.natural)

    def _targets(self, lane: Lane, offset: int, insn: Insn) -> Targets:
        """What is best known of the target of an indirect jump, by as short a path as suffices."""
        at, best, told = lane.base + offset, Targets(), []
        for limit in _PATHS:
            state, path = self.x.hindsight.state(lane, offset, limit)
            told.append((_value(state, insn, at), state.bounds))
            if told[-1] not in told[:-1]:
                found = resolve(self.space, self.knowledge, lane, at, told[-1][0], state)
                best = found if found.better(best) else best
            if best.bounded or len(path) < limit:
                break
        return best

    def _follow_targets(self, lane: Lane, offset: int, targets: Targets, owner: int, now: Processor) -> None:
        table = targets.table
        via = Via.JUMP if len(targets.addresses) == 1 and table is None else Via.TABLE
        for address in reversed(targets.addresses):
            self._go(lane, address, via, offset, owner, now)
        if targets.refused is not None:
            self.x.drop(lane, targets.refused - lane.base)
        if table is not None:
            self.knowledge.jump_tables[table.address] = table
            if self.space.is_code(table.address):
                self.x.dirty |= self.space.add_data(table.address, table.end)

    def _go(self, lane: Lane, target: int, via: Via, offset: int, owner: int, now: Processor) -> None:
        self.x.work.append((target, lane.bits, via, lane.base + offset, owner, now))


def _value(state: State, insn: Insn, at: int) -> Value:
    """What an indirect jump goes to."""
    size = insn.operand_size >> 3 if insn.bits != 64 else 8
    if insn.is_memory:
        return state.load(state.address(insn, at), size)
    return state.register(rm_of(insn), size)


def _is_harmless(opcode: int, modrm: int) -> bool:
    """Does it only write a register, other than (e)sp but for an addition to it?"""
    if opcode not in _OF_REGISTERS or modrm < 0xC0:
        return False
    return modrm & 7 != ESP or (opcode in (0x81, 0x83) and modrm == 0xC4)
