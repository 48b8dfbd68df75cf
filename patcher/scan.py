# SPDX-License-Identifier: GPL-2.0-or-later
"""Scanning one page of code: which instructions start where, which of them must be closed, and whether a block is safe.

The scan follows direct branches inside the page from every address at which the processor was seen to arrive. Its
memory is one byte per offset: the length of the instruction known to start there. Instructions that run over the end
of the page are never remembered, because what follows depends on how the next page is mapped.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from patcher.catalogue import SensitiveInsn, classify
from patcher.catalogue.invalid import DISPUTED, UNDECODABLE
from patcher.patch import Patch, PatchState, Tactic, trap
from patcher.x86.decode import Flow, Truncated, decode, flow
from patcher.x86.insn import Insn

PAGE = 4096
MAX_LENGTH = 15
UNKNOWN, CROSSING = 0, 255

Tail = Callable[[], bytes]
Closes = Callable[[SensitiveInsn], Tactic | None]


class Verdict(Enum):
    """What the check of a block found."""

    SAFE = "safe"
    CHANGED = "changed"  # patches were written or taken back: translate again


@dataclass(slots=True)
class Checked:
    """The outcome for one page of a block; `next` is the offset at which the walk went on (PAGE or more: next page)."""

    verdict: Verdict
    next: int


@dataclass(slots=True)
class PageScan:
    """What is known of the code in `original` (one page, `bits` wide), and the patches that close it.

    `shown` is the writable copy that fetches see. `closes` says how a row is closed here, None when it may run as
    it is. `tail()` gives the first bytes of the page that follows, as mapped now (may be short or empty).
    """

    original: memoryview | bytes
    shown: memoryview
    bits: int
    closes: Closes
    lengths: bytearray = field(default_factory=lambda: bytearray(PAGE))
    patches: dict[int, Patch] = field(default_factory=dict)

    def decode_at(self, offset: int, tail: Tail) -> Insn | None:
        """The instruction at `offset` from the original bytes; None when no instruction starts with them.

        Raises Truncated when it goes on into a page whose bytes are not known.
        """
        code = bytes(self.original[offset : offset + MAX_LENGTH])
        try:
            return decode(code, 0, self.bits)
        except Truncated:
            return decode(code + tail(), 0, self.bits)

    def discover(self, start: int, tail: Tail) -> list[Patch]:
        """Follow direct flow from `start` inside the page; enable a patch at every new site and return those."""
        found: list[Patch] = []
        pending = [start]
        while pending:
            offset = pending.pop()
            while offset < PAGE and self.lengths[offset] == UNKNOWN:
                try:
                    insn = self.decode_at(offset, tail)
                except Truncated:
                    self.lengths[offset] = CROSSING
                    break
                patch = self._close(offset, insn)
                if patch is not None:
                    found.append(patch)
                if insn is None:
                    self.lengths[offset] = 1
                    break
                self.lengths[offset] = len(insn.raw) if offset + len(insn.raw) <= PAGE else CROSSING
                offset = self._follow(offset, insn, pending)
        return found

    def _follow(self, offset: int, insn: Insn, pending: list[int]) -> int:
        """Note a branch target inside the page; return where straight-line execution goes on (PAGE: nowhere here)."""
        kind, after = flow(insn), offset + len(insn.raw)
        if insn.relative:
            target = after + insn.imm
            if 0 <= target < PAGE:
                pending.append(target)
        return PAGE if kind in (Flow.JUMP, Flow.STOP) else after

    def _close(self, offset: int, insn: Insn | None) -> Patch | None:
        row = UNDECODABLE if insn is None else classify(insn)
        if row is None or self.closes(row) is None:
            return None
        patch = self.patches.get(offset)
        if patch is None or patch.row is not row:
            patch = self.patches[offset] = trap(offset, row, self.original[offset])
        if patch.state is PatchState.ENABLED:
            return None
        patch.enable(self.shown)
        return patch

    def dispute(self, offset: int) -> None:
        """The engine ends this instruction elsewhere: nothing but a verdict may come of reaching it."""
        patch = self.patches[offset] = trap(offset, DISPUTED, self.original[offset])
        patch.enable(self.shown)

    def check(self, start: int, end: int, tail: Tail) -> Checked:
        """Walk a translated block from its true `start` to `end`, page offsets; `end` may lie on the next page."""
        last = offset = start
        while offset < end and offset < PAGE:
            length = self.lengths[offset]
            if length == UNKNOWN or length == CROSSING:  # noqa: SIM109 (a tuple takes time here)
                verdict, length = self._check_new(offset, end, tail)
                if verdict is not Verdict.SAFE:
                    return Checked(verdict, offset)
            patch = self.patches.get(offset)
            if patch is not None:
                return self._check_site(start, offset, end, patch)
            last, offset = offset, offset + length
        if end <= PAGE and offset != end:
            self.dispute(last)
            return Checked(Verdict.CHANGED, last)
        return self._check_untouched(start, min(end, PAGE), offset)

    def _check_new(self, offset: int, end: int, tail: Tail) -> tuple[Verdict, int]:
        """An instruction that is not remembered: look at it now. Its length counts even over the page's end."""
        if self.lengths[offset] == UNKNOWN and any(offset <= p.site < end for p in self.discover(offset, tail)):
            return Verdict.CHANGED, 0
        try:
            insn = self.decode_at(offset, tail)
        except Truncated:
            self.dispute(offset)
            return Verdict.CHANGED, 0
        if self._close(offset, insn) is not None:
            return Verdict.CHANGED, 0
        return Verdict.SAFE, 1 if insn is None else len(insn.raw)

    def _check_site(self, start: int, offset: int, end: int, patch: Patch) -> Checked:
        """A site met by the walk must be closed, and the block must end with what closes it."""
        if patch.state is not PatchState.ENABLED:
            patch.enable(self.shown)
            return Checked(Verdict.CHANGED, offset)
        if end != patch.end:
            return Checked(Verdict.CHANGED, offset)
        return self._check_untouched(start, offset, end)

    def _check_untouched(self, start: int, stop: int, after: int) -> Checked:
        """Between sites the block must show original bytes; a patch of another decoding that stands there goes."""
        if self.shown[start:stop] == self.original[start:stop]:
            return Checked(Verdict.SAFE, after)
        for patch in self.patches.values():
            if patch.state is PatchState.ENABLED and patch.site < stop and patch.end > start:
                patch.disable(self.shown, f"stands inside the instructions of a block at page offset {start:#x}")
        return Checked(Verdict.CHANGED, start)
