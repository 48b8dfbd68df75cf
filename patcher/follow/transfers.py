# SPDX-License-Identifier: GPL-2.0-or-later
"""What control does at traps, privileged instructions and ends of runs; calls and jumps have files of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from patcher.auditing.rows import audited
from patcher.catalogue import classify
from patcher.catalogue.row import SensitiveInsn
from patcher.follow import modes, never
from patcher.follow.edges import Via, key_of
from patcher.follow.far_transfers import FAR_JUMP, FarTransfers
from patcher.follow.jumps import Jumps
from patcher.follow.lane import Lane
from patcher.follow.modes import Processor, instruction
from patcher.follow.padding import behind_padding
from patcher.x86.insn import Insn
from patcher.x86.walk import Item

if TYPE_CHECKING:
    from patcher.follow.explorer import Explorer

_INT3: Final = 0xCC
_UD2: Final = b"\x0f\x0b"
_NEAR_RETURNS: Final = (0xC2, 0xC3)
_FAR: Final = (FAR_JUMP, 0xCA, 0xCB, 0xCF)
_LAST_OF_KERNEL: Final = (0x07, 0x35, 0xAA)
"""0F 07, 0F 35, 0F AA: sysret, sysexit, rsm."""
_MODE_FAMILIES: Final = ("control", "tables", "msr")


class Transfers:
    """How one round of following goes on where control leaves the straight line."""

    def __init__(self, explorer: Explorer) -> None:
        self.x = explorer
        self.space, self.knowledge = explorer.space, explorer.knowledge
        self.jumps, self.far = Jumps(explorer), FarTransfers(explorer)

    def sensitive(self, lane: Lane, item: Item, owner: int, now: Processor) -> tuple[bool, Processor]:
        """Note a sensitive instruction; does the path go on behind it, and in what state?"""
        offset, length, _ = item
        insn = instruction(lane, offset)
        row = classify(insn) if insn is not None else None
        if insn is None or row is None or not audited(row):
            return True, now
        self.x.sites.append((key_of(lane.base + offset, lane.bits), owner, now.narrow))
        if insn.opmap == 1 and insn.opcode in (0x01, 0x22, 0x30) and row.family in _MODE_FAMILIES:
            state, path = self.x.hindsight.state(lane, offset, 16)
            return True, modes.after(now, insn, path, state, self.space, lane, lane.base + offset)
        if self._ends(lane, offset, insn, row):
            self._later(lane, offset + length, lane.base + offset, owner, now)
            return False, now
        return True, now

    def _ends(self, lane: Lane, offset: int, insn: Insn, row: SensitiveInsn) -> bool:
        """Is it a breakpoint, or a call of the operating system that ends the program?"""
        if row.family == "transfer" and insn.opmap == 0 and insn.opcode == _INT3:
            return True
        return never.is_exit(insn) and never.leaves(insn, self.x.hindsight.state(lane, offset, 8)[0])

    def _later(self, lane: Lane, offset: int, source: int, owner: int, now: Processor) -> None:
        if offset < lane.size and lane.code[offset] != _INT3:
            self.x.later.append((lane.base + offset, lane.bits, Via.EVENT, source, owner, now))

    def stop(self, lane: Lane, item: Item, owner: int, now: Processor) -> None:
        """What ends a run, other than a direct jump."""
        offset, length, _ = item
        if lane.code[offset] in _NEAR_RETURNS:
            self.jumps.near_return(lane, offset, owner, now)
        elif length == 2 and lane.code[offset : offset + 2] == _UD2:
            self._trap(lane, offset, owner, now)
        else:
            insn = instruction(lane, offset)
            if insn is not None and insn.opmap == 0:
                self._one_byte(lane, offset, insn, owner, now)
            elif insn is not None and insn.opmap == 1 and insn.opcode in _LAST_OF_KERNEL:
                self.x.returning.returns(owner)

    def _trap(self, lane: Lane, offset: int, owner: int, now: Processor) -> None:
        """ud2, behind which Linux goes on after a warning. Any other handler may go on there, too."""
        address = lane.base + offset
        if address + len(_UD2) in self.knowledge.going_on:
            self.x.work.append((address + len(_UD2), lane.bits, Via.EVENT, address, owner, now))
        else:
            self.x.drop(lane, behind_padding(lane, offset + len(_UD2)))

    def _one_byte(self, lane: Lane, offset: int, insn: Insn, owner: int, now: Processor) -> None:
        if insn.opcode in _FAR:
            self.far.far(lane, offset, insn, owner, now)
        elif insn.opcode in _NEAR_RETURNS:
            self.jumps.near_return(lane, offset, owner, now)
        elif insn.opcode == 0xFF and insn.reg == 5:
            self.far.through_memory(lane, offset, insn, owner, now)
        elif insn.opcode == 0xFF:
            self.jumps.indirect(lane, offset, insn, owner, now)
