# SPDX-License-Identifier: GPL-2.0-or-later
"""The instructions around each finding, as they are and as they are when it is closed."""

from dataclasses import replace

from patcher.auditing.applying import Closed, Patched, apply
from patcher.auditing.code_map import CodeMap, Place
from patcher.auditing.encodings import text_of
from patcher.auditing.model import CodeLine, Finding
from patcher.auditing.options import SURE
from patcher.deadline import NEVER, Deadline
from patcher.patch import Tactic
from patcher.x86.decode import MAX_LENGTH, decode

_JMP = 0xE9


def with_surroundings(
    code: CodeMap, findings: tuple[Finding, ...], count: int, deadline: Deadline = NEVER
) -> tuple[Finding, ...]:
    """The findings with up to `count` instructions before and after each, and what patches make of them.

    Only what is sure to be code has code around it. When time is over the rest stays as it is.
    """
    patched = apply(code, findings)
    closed = {(one.address, one.mode): one for one in patched.closed}
    return tuple(
        replace(finding, around=_around(code, finding, count, patched, closed))
        if finding.tier in SURE and not deadline.overdue()
        else finding
        for finding in findings
    )


def _around(
    code: CodeMap, finding: Finding, count: int, patched: Patched, closed: dict[tuple[int, int], Closed]
) -> tuple[CodeLine, ...]:
    insn = decode(finding.raw, 0, finding.mode)
    if insn is None:
        return ()
    site = Place(finding.address, insn)
    before = code.before(finding.address, finding.mode, count)
    places = (*reversed(before), site, *code.after(site, count))
    return tuple(_line(place, patched, closed.get((place.address, place.insn.bits))) for place in places)


def _line(place: Place, patched: Patched, closed: Closed | None) -> CodeLine:
    raw = place.insn.raw
    return CodeLine(
        place.address, raw, text_of(place.insn, place.address), _patched_text(place, patched, closed)
    )


def _patched_text(place: Place, patched: Patched, closed: Closed | None) -> str:
    """What stands at a place in the patched copy; "" where nothing changes, or where a jump covers it."""
    section = patched.binary.section_at(place.address)
    if section is None:
        return ""
    offset = place.address - section.address
    now = bytes(section.data[offset : offset + MAX_LENGTH])
    if now.startswith(place.insn.raw):
        return "(a trap in turns)" if closed is not None and closed.tactic is Tactic.TURNS else ""
    if closed is None or (closed.tactic is Tactic.STUB and now[0] != _JMP):
        return "(in the stub)"
    new = decode(now + bytes(MAX_LENGTH), 0, place.insn.bits)
    return "" if new is None else text_of(new, place.address)
