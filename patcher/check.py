# SPDX-License-Identifier: GPL-2.0-or-later
"""Checking one translated block: was every byte of it looked at, and is every sensitive instruction in it closed?

The engine tells start and size only. The block is walked from its true start with the scan's lengths; what the scan
does not know yet is looked at now. A block is safe when each instruction that must be closed ends it as a trap (or
as the jump to its stub), and everything before shows the original bytes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from patcher.catalogue import SensitiveInsn
from patcher.catalogue.invalid import DISPUTED, HIDING, UNDECODABLE
from patcher.patch import Patch, PatchState
from patcher.scan import CROSSING, LONGEST_PATCH, MAX_LENGTH, PAGE, SPECIAL, UNKNOWN, PageScan, Tail
from patcher.x86.decode import Truncated

Refuses = Callable[[bytes], bool]
"""Does the engine, in its mode of now, answer exactly these bytes with #UD or #NM before it has read more of them?"""


class Verdict(Enum):
    """What the check of a block found."""

    SAFE = "safe"
    CHANGED = "changed"  # patches were written or taken back: translate again


@dataclass(frozen=True, slots=True)
class Checked:
    """The outcome for one page of a block: where the walk went on (PAGE or more: on the next page), and the offset of
    the last instruction.
    """

    verdict: Verdict
    next: int
    last: int


def check(scan: PageScan, start: int, end: int, tail: Tail, refuses: Refuses) -> Checked:
    """Walk a block from its true `start` to `end` (page offsets; `end` above PAGE: it goes on there)."""
    lengths, patches = scan.lengths, scan.patches
    last = offset = start
    limit = end if end < PAGE else PAGE
    while offset < limit:
        length = lengths[offset]
        if length == UNKNOWN or length == CROSSING or offset in patches:  # noqa: SIM109 (a tuple takes time)
            length = _look(scan, offset, end, tail)
            if not length:
                _untouched(scan, start, offset, tail)  # what stands inside may be why the block goes on so
                return Checked(Verdict.CHANGED, offset, offset)
            patch = patches.get(offset)
            if patch is not None and patch.state is PatchState.ENABLED:
                return Checked(_untouched(scan, start, offset, tail), end, offset)
        last, offset = offset, offset + length
    verdict = _untouched(scan, start, limit, tail)
    ends_elsewhere = verdict is Verdict.SAFE and end <= PAGE and offset != end
    if ends_elsewhere and (offset < end or not refuses(scan.original[last:end])):
        scan.close(last, _unsettled(scan, last, tail))
        verdict = Verdict.CHANGED
    return Checked(verdict, offset, last)


def _unsettled(scan: PageScan, offset: int, tail: Tail) -> SensitiveInsn:
    """Why an instruction that the engine ends elsewhere must trap: it is disputed, or not all of it is known yet."""
    try:
        scan.decode_at(offset, tail)
    except Truncated:
        return UNDECODABLE
    return DISPUTED


def check_tail(scan: PageScan, stop: int) -> Verdict:
    """An instruction that begins on the page before reaches up to `stop`: its bytes must be the original ones."""
    return _untouched(scan, 0, stop, _unknown) if stop else Verdict.SAFE


def hides(scan: PageScan, start: int, stop: int) -> bool:
    """Do pinned patches hide bytes of [start, stop)?"""
    return any(start <= site < stop for site in _pinned(scan))


def _pinned(scan: PageScan) -> list[int]:
    return [p.site for p in scan.patches.values() if p.pinned and p.state is PatchState.ENABLED]


def _unknown() -> bytes:
    return b""


def _look(scan: PageScan, offset: int, end: int, tail: Tail) -> int:
    """The length of an instruction that is unknown, crosses the page's end or has a patch; 0: something was changed.

    When it must be closed it is, the block ends with what closes it, and its patch is enabled.
    """
    if scan.lengths[offset] == UNKNOWN and scan.discover(offset) and _written(scan, offset, end):
        return 0
    patch = scan.patches.get(offset)
    if patch is not None and (patch.row in SPECIAL or _must_stay(scan, patch, tail)):
        return _closed(scan, patch, end)
    try:
        insn = scan.decode_at(offset, tail)
    except Truncated:
        if patch is not None and patch.state is PatchState.ENABLED:
            return _closed(scan, patch, end)  # the trap will look at the whole instruction
        return 0 if end > PAGE else MAX_LENGTH  # the next page was just lost, or the engine was content with less
    row = scan.wanted(insn)
    if row is not None:
        return 0 if scan.close(offset, row) else _closed(scan, scan.patches[offset], end)
    if _taken_back(scan, patch):
        return 0
    return 1 if insn is None else len(insn.raw)


def _must_stay(scan: PageScan, patch: Patch, tail: Tail) -> bool:
    """Would the engine die of the bytes that this patch hides?"""
    return patch.pinned and (patch.site != scan.head or scan.head_is_lethal(tail()))


def _taken_back(scan: PageScan, patch: Patch | None) -> bool:
    """Was a patch in the way, of an instruction that needs none as the next page is now?"""
    if patch is None or patch.state is not PatchState.ENABLED:
        return False
    scan.take_back(patch.site, "the instruction goes on otherwise on the next page")
    return True


def _written(scan: PageScan, offset: int, end: int) -> bool:
    return any(patch.state is PatchState.ENABLED for patch in scan.around(offset, min(end, PAGE)))


def _closed(scan: PageScan, patch: Patch, end: int) -> int:
    """The length of a block's last part, 0 unless the block really ends with this patch."""
    if patch.state is not PatchState.ENABLED:
        scan.put(patch)
        return 0
    return end - patch.site if end == patch.end else 0


def _untouched(scan: PageScan, start: int, stop: int, tail: Tail) -> Verdict:
    """[start, stop) must show original bytes: a patch of another decoding that stands there goes."""
    if scan.shown[start:stop] == scan.original[start:stop]:
        return Verdict.SAFE
    for patch in scan.around(start - LONGEST_PATCH + 1, stop):
        if patch.state is not PatchState.ENABLED or patch.end <= start:
            continue
        if not _must_stay(scan, patch, tail):
            patch.disable(scan.shown, f"stands inside the instructions of a block at page offset {start:#x}")
        elif start or scan.lengths[start]:
            scan.close(_around(scan, start, patch.site), HIDING)
    return Verdict.CHANGED


def _around(scan: PageScan, start: int, site: int) -> int:
    """Where the instruction starts that `site` lies in, as the block at `start` has it."""
    while start + scan.lengths[start] <= site:
        start += scan.lengths[start]
    return start
