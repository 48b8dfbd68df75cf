# SPDX-License-Identifier: GPL-2.0-or-later
"""Overlapping code: does a trap take turns with what it would spoil? Tried with the scan and the check of the machine.

Before a block runs for the first time the check lays the traps of its own instructions, and takes back those of other
readings of the same bytes. The monitor's copy of a page holds code of one size, so code of another size is never
in the way.
"""

from typing import Final

from patcher.auditing.code_map import CodeMap
from patcher.check import Verdict, check
from patcher.patch import INT3
from patcher.scan import PAGE, PageScan
from patcher.tactic import Closing, closer
from patcher.x86.decode import MAX_LENGTH

_SITE: Final = PAGE // 2
"""Where the site is put in a page of its own; no address decides how overlapping bytes are checked."""
_MOST_VETOES: Final = 4
"""Tries until a block is settled; two are usual."""


def takes_turns(code: CodeMap, address: int, mode: int) -> bool:
    """Does the trap at a site stand when its own reading runs, and never in a block of another one?"""
    scan = _page_around(code, address, mode)
    others = [
        (_SITE + start - address, length)
        for start, bits, length in code.covering(address, mode)
        if bits == mode
    ]
    for offset, length in (*others, *reversed(others)):
        if not (_stands(scan) and _shows_its_own(scan, offset, length)):
            return False
    return _stands(scan)


def _page_around(code: CodeMap, address: int, mode: int) -> PageScan:
    """A page with the site and what lies around it."""
    section = code.binary.section_at(address)
    assert section is not None, f"a site at {address:#x} lies in no section"
    at = address - section.address
    before = bytes(section.data[max(0, at - MAX_LENGTH) : at])
    page = bytearray(PAGE)
    page[_SITE - len(before) : _SITE] = before
    behind = bytes(section.data[at : at + 2 * MAX_LENGTH])
    page[_SITE : _SITE + len(behind)] = behind
    scan = PageScan(bytes(page), memoryview(page), mode, closer(Closing.ALL))
    scan.pin()
    return scan


def _stands(scan: PageScan) -> bool:
    """Does the site's own reading end in its trap?"""
    settled = _settled(scan, _SITE, _SITE + 1)
    return settled and scan.shown[_SITE : _SITE + 1] == INT3


def _shows_its_own(scan: PageScan, offset: int, length: int) -> bool:
    """Does another instruction show its own bytes, or its own trap where it is sensitive, too?"""
    if _settled(scan, offset, offset + length):
        return scan.shown[offset : offset + length] == scan.original[offset : offset + length]
    return _settled(scan, offset, offset + 1) and scan.shown[offset : offset + 1] == INT3


def _settled(scan: PageScan, start: int, end: int) -> bool:
    """Is a block of these bytes safe, after as many vetoes as it takes?"""
    return any(
        check(scan, start, end, lambda: b"", lambda _: False).verdict is Verdict.SAFE for _ in range(_MOST_VETOES)
    )
