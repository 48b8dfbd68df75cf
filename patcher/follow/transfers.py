# SPDX-License-Identifier: GPL-2.0-or-later
"""What control does at calls, returns, indirect jumps, far transfers and traps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from patcher.auditing.rows import audited
from patcher.binary.model import Origin
from patcher.catalogue import classify
from patcher.follow import modes, never, returns
from patcher.follow.conditions import Settled, settle_branch
from patcher.follow.edges import Via, key_of
from patcher.follow.evaluate import Step, evaluate
from patcher.follow.jump_tables import Targets, resolve
from patcher.follow.model import ProblemKind
from patcher.follow.modes import Processor, instruction
from patcher.follow.operands import stack_slot
from patcher.follow.paths import path_to
from patcher.follow.space import Lane
from patcher.follow.state import State
from patcher.follow.values import Value
from patcher.x86.insn import Insn
from patcher.x86.walk import Item

if TYPE_CHECKING:
    from patcher.follow.explorer import Explorer

_FAR_JUMP, _FAR_CALL, _IRET, _INT3, _UD2 = 0xEA, 0x9A, 0xCF, 0xCC, 0x0B0F
_PATHS = (8, 20, 64)
"""How far to look back for what an indirect jump uses. A longer path knows more, but may know an index too well."""
_RETURNS = frozenset((0xC2, 0xC3, 0xCA, 0xCB, 0xCF))
_STACK_WRITERS = frozenset(
    (0x68, 0x6A, 0xFF, 0xC7, 0x89, 0x87, 0x81, 0x83, 0x01, 0x29, 0x31, *range(0x50, 0x58))
)


class Transfers:
    """How one round of following goes on where control leaves the straight line."""

    def __init__(self, explorer: Explorer) -> None:
        self.x = explorer
        self.space, self.knowledge = explorer.space, explorer.knowledge
        self._returns_used = False
        """Was a return seen that is a jump? Then others may be, behind it."""
        self._shifts: dict[int, int | None] = {}

    def state(self, lane: Lane, offset: int, limit: int) -> tuple[State, list[Step]]:
        """What is known before the instruction at an offset, and the path that tells."""
        path = path_to(self.space, self.x.parents, lane.base + offset, lane.bits, limit)
        return evaluate(path, lane.bits, self._constant), path

    def outcome(self, lane: Lane, offset: int) -> Settled | None:
        """Is the conditional branch at an offset taken, as far as the few instructions before it tell?"""
        branch = instruction(lane, offset)
        path = path_to(self.space, self.x.parents, lane.base + offset, lane.bits, 6)
        if branch is None:
            return None
        return settle_branch(path, branch, lane.base + offset, lane.bits, self._constant)

    def _constant(self, address: int, size: int, signed: bool) -> int | None:
        if not self.space.is_constant(address):
            return None
        return self.space.read(address, size, signed)

    def sensitive(self, lane: Lane, item: Item, owner: int, now: Processor) -> tuple[bool, Processor]:
        """Note a sensitive instruction; does the path go on behind it, and in what state?"""
        offset, length, _ = item
        insn = instruction(lane, offset)
        row = classify(insn) if insn is not None else None
        if insn is None or row is None or not audited(row):
            return True, now
        self.x.sites.append((key_of(lane.base + offset, lane.bits), owner))
        if (
            insn.opmap == 1
            and insn.opcode in (0x01, 0x22, 0x30)
            and row.family in ("control", "tables", "msr")
        ):
            state, path = self.state(lane, offset, 16)
            now = modes.after(now, insn, path, state, self.space, lane, lane.base + offset)
        elif row.family == "transfer" and insn.opmap == 0 and insn.opcode == _INT3:
            self._later(lane, offset + length, lane.base + offset, owner, now)
            return False, now
        elif never.is_exit(insn):
            leaves = never.leaves(insn, self.state(lane, offset, 8)[0])
            if leaves:
                self._later(lane, offset + length, lane.base + offset, owner, now)
            return not leaves, now
        return True, now

    def _later(self, lane: Lane, offset: int, source: int, owner: int, now: Processor) -> None:
        if offset < lane.size and lane.code[offset] != _INT3:
            self.x.later.append((lane.base + offset, lane.bits, Via.EVENT, source, owner, now))

    def call(self, lane: Lane, item: Item, target: int, owner: int, now: Processor) -> int | None:
        """A direct call: follow the callee, and what is behind the call as soon as the callee returns."""
        offset, length, _ = item
        behind, source = offset + length, lane.base + offset
        if target == lane.base + behind:
            return behind
        if target in self.knowledge.never:
            return None
        if not self.space.is_code(target):
            self.x.leave((target, lane.bits, Via.CALL, source, owner, now)) if not self.knowledge.has_field(
                source, source + length
            ) else None
            return behind
        shift = self._shift(target, lane.bits)
        if shift is None:
            self.x.work.append((target, lane.bits, Via.JUMP, source, owner, now))
            return None
        callee = key_of(target, lane.bits)
        known = callee in self.x.returning.owners
        if callee in self.x.returning.known and shift == 0:
            return behind
        back = (lane.base + behind + shift, lane.bits, Via.RETURN, source, owner, now)
        if callee in self.x.returning.known:
            self.x.work.append(back)
        else:
            self.x.returning.wait(callee, back)
        if not known:
            self.x.origins.setdefault(callee, self.x.origins.get(owner, Origin.RELOCATION))
            self.x.work.append((target, lane.bits, Via.CALL, source, callee, now))
        return None

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
        state, _ = self.state(lane, offset, 6)
        target = state.register(insn.rm | (insn.rex & 1) << 3, state.natural).known
        if (
            target is not None
            and self.space.is_code(target)
            and key_of(target, lane.bits) not in self.x.parents
        ):
            source, callee = lane.base + offset, key_of(target, lane.bits)
            self.x.origins.setdefault(callee, self.x.origins.get(owner, Origin.RELOCATION))
            self.x.work.append((target, lane.bits, Via.CALL, source, callee, now))

    def _shift(self, target: int, bits: int) -> int | None:
        key = key_of(target, bits)
        if key not in self._shifts:
            lane = self.space.lane(target, bits)
            self._shifts[key] = 0 if lane is None else returns.return_shift(lane, target - lane.base)
        return self._shifts[key]

    def stop(self, lane: Lane, item: Item, owner: int, now: Processor) -> None:
        """What ends a run, other than a direct jump."""
        offset, length, _ = item
        code = lane.code
        if code[offset] == 0xC3 or code[offset] == 0xC2:
            self._near_return(lane, offset, owner, now)
            return
        if code[offset] | code[offset + 1] << 8 == _UD2 if length == 2 else False:
            if lane.base + offset in self.knowledge.going_on:
                self._go(lane, lane.base + offset + 2, Via.EVENT, offset, owner, now)
            return
        insn = instruction(lane, offset)
        if insn is None:
            return
        if insn.opmap == 0 and insn.opcode in (_FAR_JUMP, 0xCA, 0xCB, _IRET):
            self._far(lane, offset, insn, owner, now)
        elif insn.opmap == 0 and insn.opcode in (0xC2, 0xC3):
            self._near_return(lane, offset, owner, now)
        elif insn.opmap == 0 and insn.opcode == 0xFF:
            self._indirect(lane, offset, insn, owner, now)
        elif insn.opmap == 1 and insn.opcode in (0x07, 0x35, 0xAA):
            self.x.returning.returns(owner)

    def _go(self, lane: Lane, target: int, via: Via, offset: int, owner: int, now: Processor) -> None:
        self.x.work.append((target, lane.bits, via, lane.base + offset, owner, now))

    def _near_return(self, lane: Lane, offset: int, owner: int, now: Processor) -> None:
        """ret; a jump when the path itself pushed where it goes."""
        before = lane.before(offset)
        writes = before is not None and self._writes_stack(lane, before)
        if writes or self._returns_used:
            state, path = self.state(lane, offset, 24)
            used = writes or any(insn.opmap == 0 and insn.opcode == 0xC3 for _, insn, _ in path)
            target = state.stack[-1].known if used and state.stack else None
            if target is not None and self.space.is_code(self._near(lane, target)):
                self._returns_used = True
                self._go(lane, self._near(lane, target), Via.JUMP, offset, owner, now)
                return
        self.x.returning.returns(owner)

    def _writes_stack(self, lane: Lane, before: int) -> bool:
        code = lane.code
        first = code[before]
        if lane.bits == 64 and first & 0xF0 == 0x40:
            first = code[before + 1]
        return first in _STACK_WRITERS

    def _near(self, lane: Lane, offset: int) -> int:
        """The address of an offset in the code's segment."""
        if lane.bits != 16:
            return offset
        return next(
            (a for a in modes.linear_candidates(lane, offset & 0xFFFF) if self.space.is_code(a)), offset
        )

    def _far(self, lane: Lane, offset: int, insn: Insn, owner: int, now: Processor) -> None:
        """A far jump, or a far return or iret to a pointer that the path pushed."""
        if insn.opcode == _FAR_JUMP:
            self._switch(lane, offset, now, insn.imm2, insn.imm, owner)
            return
        state, _ = self.state(lane, offset, 24)
        if len(state.stack) >= 2 and state.stack[-1].known is not None:
            selector = state.stack[-2].known
            self._switch(lane, offset, now, selector, state.stack[-1].const, owner)
        else:
            self.x.returning.returns(owner)

    def _switch(
        self, lane: Lane, offset: int, now: Processor, selector: int | None, to: int, owner: int
    ) -> None:
        """A far transfer to a known pointer, perhaps into another mode."""
        self.x.returning.returns(owner)
        found = modes.far_target(self.space, lane, now, selector, to)
        address = lane.base + offset
        if found is None:
            self.knowledge.problem(
                address, lane.bits, ProblemKind.UNKNOWN_MODE, f"the size of the code at {to:#x} is not known"
            )
            return
        target, bits = found
        self.x.origins.setdefault(key_of(target, bits), self.x.origins.get(owner, Origin.RELOCATION))
        self.x.work.append((target, bits, Via.ENTRY, address, key_of(target, bits), now))

    def _indirect(self, lane: Lane, offset: int, insn: Insn, owner: int, now: Processor) -> None:
        """jmp through a register or memory: a constant, a jump table, or unresolved."""
        if insn.reg == 5:
            self._far_memory(lane, offset, insn, self.state(lane, offset, 24)[0], owner, now)
            return
        best = Targets()
        for limit in _PATHS:
            found = self._targets(lane, offset, insn, limit)
            if found.better(best):
                best = found
            if best.bounded:
                break
        self._follow_targets(lane, offset, best, owner, now)

    def _targets(self, lane: Lane, offset: int, insn: Insn, limit: int) -> Targets:
        """What a path of so many instructions tells of the target of an indirect jump."""
        at, state = lane.base + offset, self.state(lane, offset, limit)[0]
        size = insn.operand_size >> 3 if lane.bits != 64 else 8
        if insn.is_memory:
            value = state.load(state.address(insn, at), size)
        else:
            value = state.register(insn.rm | (insn.rex & 1) << 3, size)
        return resolve(self.space, self.knowledge, lane, at, value, state)

    def _follow_targets(self, lane: Lane, offset: int, targets: Targets, owner: int, now: Processor) -> None:
        if not targets.addresses:
            self.x.returning.returns(owner)
            if not targets.leaves and self.x.trial is None:
                self.knowledge.problem(
                    lane.base + offset,
                    lane.bits,
                    ProblemKind.UNRESOLVED_JUMP,
                    "where it jumps to is not known",
                )
            return
        via = Via.JUMP if len(targets.addresses) == 1 and targets.table is None else Via.TABLE
        if targets.table is not None:
            self.knowledge.jump_tables[targets.table.address] = targets.table
        for address in reversed(targets.addresses):
            self._go(lane, address, via, offset, owner, now)
        table = targets.table
        if table is not None and self.space.is_code(table.address):
            self.x.dirty |= self.space.add_data(table.address, table.end)

    def _far_memory(
        self, lane: Lane, offset: int, insn: Insn, state: State, owner: int, now: Processor
    ) -> None:
        """jmp m16:16, m16:32: the pointer may be in the file."""
        size = 2 if insn.operand_size == 16 else insn.operand_size >> 3
        where = state.address(insn, lane.base + offset)
        slot = stack_slot(state, insn)
        first = state.slots.get(where) if slot is None else state.stack[slot]
        stored = first, state.slots.get(where.plus(Value(size), state.mask))
        if stored[0] is not None and stored[0].known is not None:
            chosen = stored[1].known if stored[1] is not None else None
            self._switch(lane, offset, now, chosen and chosen & 0xFFFF, stored[0].const, owner)
            return
        address = where.known
        for place in () if address is None else (address, self._near(lane, address)):
            pointer, selector = self.space.read(place, size), self.space.read(place + size, 2)
            if pointer is not None and selector is not None:
                self._switch(lane, offset, now, selector, pointer, owner)
                return
        self.x.returning.returns(owner)
        self.knowledge.problem(
            lane.base + offset, lane.bits, ProblemKind.UNRESOLVED_JUMP, "where it jumps to is not known"
        )
