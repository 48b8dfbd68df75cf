# SPDX-License-Identifier: GPL-2.0-or-later
"""What is known of a page's code stays true where its bytes stay the same.

A page that holds code and data is written again and again. Its code page is made anew each time, but the lengths and
patches of instructions that no changed byte belongs to need not be found again.
"""

from patcher.patch import Patch, PatchState, Tactic
from patcher.scan import MAX_LENGTH, UNKNOWN, PageScan


def inherit(scan: PageScan, old: PageScan) -> range:
    """Take over what `old`, an earlier scan of the same page and view, found; the offsets that must be looked at anew.

    `scan` is new, and its `shown` shows the original bytes.
    """
    anew = _touched(scan.original, old.original)
    scan.lengths[:] = old.lengths
    scan.lengths[anew.start : anew.stop] = bytes(len(anew))
    for site, patch in old.patches.items():
        if patch.pinned:  # because of any number of bytes behind it: it may not come again
            scan.lengths[site] = UNKNOWN
        elif site not in anew:
            scan.patches[site] = patch  # the old page is gone: its patches may go on living here
            _renew(patch, scan.shown)
    return anew


def _renew(patch: Patch, shown: memoryview) -> None:
    """Write the patch into another page; what was a stub begins as a trap again."""
    if patch.tactic is Tactic.STUB:
        patch.give_up("")
    if patch.state is PatchState.ENABLED:
        shown[patch.site : patch.end] = patch.replacement


def _touched(now: bytes, before: bytes) -> range:
    """Offsets at which an instruction could start that has a changed byte."""
    difference = int.from_bytes(now, "little") ^ int.from_bytes(before, "little")
    if not difference:
        return range(0)
    first = ((difference & -difference).bit_length() - 1) // 8
    last = (difference.bit_length() - 1) // 8
    return range(max(0, first - MAX_LENGTH + 1), last + 1)
