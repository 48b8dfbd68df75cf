# SPDX-License-Identifier: GPL-2.0-or-later
"""The tables by which Linux rewrites its own code, and those that say where faults continue.

One row of `TABLES` a table, with the forms that its record has had. Linux, arch/x86/include/asm/{alternative,asm,bug,
paravirt,jump_label}.h and tools/objtool; the same tables are in modules.
"""

from collections.abc import Iterator

from patcher.binary.address_space import AddressSpace
from patcher.binary.gathering import Gathering
from patcher.binary.linux_records import Place, Record, Table, read_table
from patcher.binary.linux_release import release_of
from patcher.binary.model import Origin

FEATURES = 0x300
"""Processor features are numbered below this (NCAPINTS * 32); a flag may be above the number."""


def read_tables(into: Gathering, space: AddressSpace) -> None:
    """Every known table of a kernel or module, in its own section or between its symbols."""
    code, into.release = into.code(), release_of(into)
    for table in TABLES:
        place = Place(space, code, into, table.section)
        for address, data in _found(table, into, space):
            if not read_table(table, address, data, place) and table.rewrites and any(data):
                into.unread.add(table.section)


def _found(table: Table, into: Gathering, space: AddressSpace) -> Iterator[tuple[int, memoryview]]:
    sections = [s for s in into.named(table.section) if s.data]
    yield from ((section.address, section.data) for section in sections)
    mark = table.section.lstrip("._")
    start, stop = (
        into.marks.get(f"{end}_{mark}", into.marks.get(f"{end}___{mark}")) for end in ("__start", "__stop")
    )
    if not sections and start is not None and stop is not None and start < stop:
        yield start, space.view(start, stop - start)


def _in_code(record: Record, place: Place) -> bool:
    return record[0] in place.code


def _traced_fits(record: Record, place: Place) -> bool:
    """From 6.12 on sorttable clears the records of weak functions that were replaced, and sorts them to the front."""
    return not record[0] or _in_code(record, place)


def _both_in_code(record: Record, place: Place) -> bool:
    return record[0] in place.code and record[1] in place.code


def _alternative_fits(record: Record, place: Place) -> bool:
    feature, length, replacement, *padding = record[2:]
    fits = 0 < length >= replacement and feature & 0x7FFF < FEATURES and all(pad < length for pad in padding)
    return fits and _in_code(record, place) and (not replacement or record[1] in place.code)


def _alternative(record: Record, place: Place) -> None:
    """Instruction, replacement, processor feature, both lengths (and padding's, from 4.0 to 5.13)."""
    start, source, _, length, size = record[:5]
    if size:
        place.rewrite(start, length, (source, size))
    else:
        place.rewrite(start, length, leads=(start + length,))


def _paravirt_fits(record: Record, place: Place) -> bool:
    return _in_code(record, place) and 0 < record[2] <= 32


def _paravirt(record: Record, place: Place) -> None:
    place.rewrite(record[0], record[2])


def _prefix(record: Record, place: Place) -> None:
    place.rewrite(record[0], 1)


def _five(record: Record, place: Place) -> None:
    place.rewrite(record[0], 5)


def _endbr(record: Record, place: Place) -> None:
    place.rewrite(record[0], 4)


def _branch(record: Record, place: Place) -> None:
    """A jump or call: 5 bytes, 6 with a condition or a prefix."""
    first = bytes(place.space.view(record[0], 1))
    place.rewrite(record[0], 5 if first in (b"\xe8", b"\xe9") else 6)


def _jump_label(record: Record, place: Place) -> None:
    """A jump to the target, or a no-op of its length."""
    start, target = record[:2]
    short = bytes(place.space.view(start, 2))
    size = 2 if short[:1] == b"\xeb" or short == b"\x66\x90" else 5
    place.rewrite(start, size, leads=(start + size, target))
    place.into.enter(target, Origin.RELOCATION)


def _fixup(record: Record, place: Place) -> None:
    for address in record[:2]:
        place.into.enter(address, Origin.EXCEPTION)


def _bug_fits(record: Record, place: Place) -> bool:
    return bytes(place.space.view(record[0], 2)) in (b"\x0f\x0b", b"\x0f\xb9", b"\x0f\xff", b"\x67\x0f")


def _bug(record: Record, place: Place) -> None:
    """A warning continues behind its UD2 (report_bug(), BUGFLAG_WARNING)."""
    place.into.enter(record[0], Origin.EXCEPTION)
    if record[-1] & 1 and bytes(place.space.view(record[0], 2)) == b"\x0f\x0b":
        place.into.enter(record[0] + 2, Origin.EXCEPTION)


_SITES = ("i", "I", "Q")
_ALTERNATIVES = ("iiHBB", "iiIBB", "iiHBBB", "IIHBB", "IIBBBx", "QQHBB4x", "QQBBB5x")
JUMP_TABLE = Table("__jump_table", ("iii", "iiq", "III", "QQQ"), _both_in_code, _jump_label, 2)
TABLES = (
    Table(".altinstructions", _ALTERNATIVES, _alternative_fits, _alternative, 2),
    Table(".parainstructions", ("IBB2x", "QBB6x"), _paravirt_fits, _paravirt),
    Table(".smp_locks", _SITES, _in_code, _prefix),
    JUMP_TABLE,
    Table(".static_call_sites", ("ii",), _in_code, _branch),
    Table(".static_call_tramp_key", ("ii",), _in_code, _five),
    Table(".retpoline_sites", ("i",), _in_code, _branch),
    Table(".return_sites", ("i",), _in_code, _five),
    Table(".call_sites", ("i",), _in_code, _five),
    Table(".ibt_endbr_seal", ("i",), _in_code, _endbr),
    Table("__mcount_loc", ("I", "Q"), _traced_fits, _five),
    Table("__ex_table", ("iii", "ii", "II", "QQ"), _both_in_code, _fixup, 2, False),
    Table("__bug_table", ("iiHH", "IIHH", "QQHH4x", "IH2x", "iHH"), _bug_fits, _bug, rewrites=False),
)
