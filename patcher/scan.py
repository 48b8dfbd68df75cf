# SPDX-License-Identifier: GPL-2.0-or-later
"""Scanning one page of code: which instructions start where, which of them must be closed, and what is shown.

The scan follows direct branches inside the page from every address at which the processor was seen to arrive. Its
memory is one byte per offset: the length of the instruction known to start there. Instructions that run over the end
of the page are never remembered, because what follows depends on how the next page is mapped.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from patcher.catalogue import SensitiveInsn, classify
from patcher.catalogue.invalid import DISPUTED, HIDING, LOCKED, UNDECODABLE
from patcher.lethal import lethal_head, lethal_sites
from patcher.patch import Patch, PatchState, Tactic, trap
from patcher.x86 import walk
from patcher.x86.decode import Truncated, decode
from patcher.x86.insn import Insn

PAGE = 4096
MAX_LENGTH = 15
LONGEST_PATCH = 32  # more than a jump to a stub and the instruction that it ends in
UNKNOWN, CROSSING = 0, 255
SPECIAL: Final = (DISPUTED, HIDING)  # rows that the bytes of the instruction alone do not tell

Tail = Callable[[], bytes]
Closes = Callable[[SensitiveInsn], Tactic | None]

_SHORT: Final = frozenset((*range(0x70, 0x80), 0xE0, 0xE1, 0xE2, 0xE3, 0xEB))
_NEAR: Final = frozenset((0xE8, 0xE9, 0x0F))


@dataclass(slots=True)
class PageScan:
    """What is known of the code in `original` (one page, `bits` wide), and the patches that close it.

    `shown` is the writable copy that fetches see. `closes` says how a row is closed here, None when it may run as
    it is. `head` is the offset of a lock byte that the bytes of the next page may make lethal, None without one.
    """

    original: bytes
    shown: memoryview
    bits: int
    closes: Closes
    lengths: bytearray = field(default_factory=lambda: bytearray(PAGE))
    patches: dict[int, Patch] = field(default_factory=dict)
    head: int | None = None

    def pin(self) -> None:
        """Hide what the engine must never translate. Called once, before the page is shown."""
        self.head = lethal_head(self.original, self.bits)
        sites = lethal_sites(self.original, self.bits)
        for site in sites if self.head is None else (*sites, self.head):
            patch = self.patches[site] = trap(site, LOCKED, self.original[site])
            patch.pinned = True
            patch.enable(self.shown)

    def settle_head(self, following: bytes) -> bool:
        """The next page begins with `following`: hide `head` again if that makes it lethal. Was it shown till now?"""
        patch = self.patches.get(self.head) if self.head is not None else None
        if patch is None or patch.state is PatchState.ENABLED or not self.head_is_lethal(following):
            return False
        patch.enable(self.shown)
        return True

    def head_is_lethal(self, following: bytes) -> bool:
        """Do these bytes, behind this page, complete the sequence at `head`?"""
        return bool(lethal_sites(self.original[self.head :] + following, self.bits))

    def decode_at(self, offset: int, tail: Tail) -> Insn | None:
        """The instruction at `offset` from the original bytes; None when no instruction starts with them.

        `tail()` gives the first bytes of the page that follows, as mapped now (may be short or empty).
        Raises Truncated when it goes on into a page whose bytes are not known.
        """
        code = self.original[offset : offset + MAX_LENGTH]
        try:
            return decode(code, 0, self.bits)
        except Truncated:
            return decode(code + tail(), 0, self.bits)

    def wanted(self, insn: Insn | None) -> SensitiveInsn | None:
        """The row by which an instruction must be closed here, None when it may run."""
        row = UNDECODABLE if insn is None else classify(insn)
        return row if row is not None and self.closes(row) is not None else None

    def discover(self, start: int) -> bool:
        """Follow direct flow from `start` inside the page and close what it meets; was a patch written?"""
        try:
            return self._follow(start)
        except BaseException:  # Ctrl-C: what has a length may not be closed yet
            self.lengths[:] = bytes(PAGE)
            raise

    def _follow(self, start: int) -> bool:
        written, pending, lengths = False, [start], self.lengths
        while pending:
            offset = pending.pop()
            if lengths[offset]:
                continue
            for at, length, kind in walk.straight_line(self.original, offset, self.bits, PAGE, lengths):
                if kind & walk.TRUNCATED:
                    lengths[at] = CROSSING
                elif kind & walk.SENSITIVE:
                    written |= self._close_found(at, kind)
                if kind & walk.BRANCH:
                    target = at + length + self._displacement(at, length)
                    if 0 <= target < PAGE:
                        pending.append(target)
        return written

    def _close_found(self, offset: int, kind: int) -> bool:
        insn = None if kind & walk.UNDECODABLE else decode(self.original, offset, self.bits)
        row = self.wanted(insn)
        return row is not None and self.close(offset, row)

    def _displacement(self, at: int, length: int) -> int:
        """Of a relative branch; the common forms are read without decoding."""
        code, opcode = self.original, self.original[at]
        after = at + length
        if opcode in _SHORT:
            return (code[after - 1] ^ 0x80) - 0x80
        if opcode in _NEAR:
            return int.from_bytes(code[after - (2 if self.bits == 16 else 4) : after], "little", signed=True)
        insn = decode(code, at, self.bits)
        return 0 if insn is None else insn.imm

    def close(self, offset: int, row: SensitiveInsn) -> bool:
        """See to it that the instruction at `offset` traps because of `row`; was the patch written just now?"""
        patch = self.patches.get(offset)
        if patch is None:
            patch = self.patches[offset] = trap(offset, row, self.original[offset])
        elif patch.row is not row:
            patch.row = row
        elif patch.state is PatchState.ENABLED:
            return False
        if patch.state is not PatchState.ENABLED:
            self.put(patch)
        return True

    def put(self, patch: Patch) -> None:
        """Write a patch; a stub's jump that stands in its bytes, or traps that it covers, are taken back first."""
        if patch.tactic is Tactic.STUB and not self._may_jump(patch):
            patch.give_up("a jump here would end the engine")
        for other in self.around(patch.site - LONGEST_PATCH + 1, patch.end):
            if other is not patch and other.state is PatchState.ENABLED and other.end > patch.site:
                other.disable(self.shown, f"gave way to {patch.row.name} at page offset {patch.site:#x}")
        patch.enable(self.shown)

    def around(self, start: int, end: int) -> list[Patch]:
        """The patches whose sites lie in [start, end); a page may hold thousands."""
        return [self.patches[site] for site in range(start, end) if site in self.patches]

    def _may_jump(self, patch: Patch) -> bool:
        """Would a jump at this patch cover what is pinned, or make a lethal sequence by its displacement?"""
        if any(p.pinned for p in self.around(patch.site, patch.end)):
            return False
        around = bytearray(self.shown[max(0, patch.site - MAX_LENGTH) : patch.end + MAX_LENGTH])
        at = min(patch.site, MAX_LENGTH)
        around[at : at + len(patch.replacement)] = patch.replacement
        return not lethal_sites(around, self.bits)

    def take_back(self, offset: int, reason: str) -> None:
        """The instruction at `offset` needs no patch (any more)."""
        patch = self.patches[offset]
        patch.disable(self.shown, reason)
        if not patch.pinned:
            del self.patches[offset]
