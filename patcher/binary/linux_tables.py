# SPDX-License-Identifier: GPL-2.0-or-later
"""The tables by which Linux rewrites its own code, and those that say where faults continue.

One row of `TABLES` a table. A table's record has changed its form over the years (absolute addresses became
relative ones, fields came and went) and nothing in the file says which form it is, so a row lists the known
forms and the one whose addresses make sense is taken. Linux, arch/x86/include/asm/{alternative,asm,bug,
paravirt,jump_label}.h and tools/objtool; the same tables are in modules.
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from patcher.binary.address_space import AddressSpace
from patcher.binary.gathering import Extents, Gathering
from patcher.binary.linux_release import release_of
from patcher.binary.model import Origin

FEATURES = 0x300
"""Processor features are numbered below this (NCAPINTS * 32); a flag may be above the number."""
SAMPLE = 64
"""Records by which a form is chosen."""

Record = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """What a row's action is given beside the record."""

    space: AddressSpace
    code: Extents
    into: Gathering
    table: str

    def rewrite(
        self, start: int, size: int, source: tuple[int, int] = (0, 0), leads: tuple[int, ...] = ()
    ) -> None:
        """The kernel overwrites `size` bytes from `start` on: with those at an address, so many, if `source` tells
        them; `leads` are where control may go instead of where the code in the file has it go."""
        if 0 < size < 256:
            self.into.rewritten.add((start, start + size, self.table, *source, leads))


@dataclass(frozen=True, slots=True)
class Table:
    """A table's section, its forms, and what a record means.

    A form is a `struct` text: "i" in front fields is relative to its own place, "I" and "Q" are absolute.
    `fits` says whether a record of these addresses can be real.
    """

    section: str
    forms: tuple[str, ...]
    fits: Callable[[Record, Place], bool]
    act: Callable[[Record, Place], None]
    addresses: int = 1


def read_tables(into: Gathering, space: AddressSpace) -> None:
    """Every known table of a kernel or module, in its own section or between its symbols."""
    code, into.release = into.code(), release_of(into)
    for table in TABLES:
        place = Place(space, code, into, table.section)
        for address, data in _found(table, into, space):
            read_table(table, address, data, place)


def _found(table: Table, into: Gathering, space: AddressSpace) -> Iterator[tuple[int, memoryview]]:
    sections = [s for s in into.named(table.section) if s.data]
    yield from ((section.address, section.data) for section in sections)
    mark = table.section.lstrip("._")
    start, stop = (
        into.marks.get(f"{end}_{mark}", into.marks.get(f"{end}___{mark}")) for end in ("__start", "__stop")
    )
    if not sections and start is not None and stop is not None and start < stop:
        yield start, space.view(start, stop - start)


def read_table(table: Table, address: int, data: memoryview, place: Place) -> None:
    """Take the records in the first form that fits; none when none does."""
    wide = place.into.mode == 64
    for form in table.forms:
        if ("Q" in form and not wide) or (form[0] == "I" and wide):
            continue
        size = struct.calcsize("<" + form)
        rows = _whole(data, size, _padding(form))
        sample = range(0, len(rows), size * max(1, len(rows) // size // SAMPLE))
        if rows and all(
            table.fits(_record(form, rows, at, address, table.addresses), place) for at in sample
        ):
            _act(table, form, rows, address, place)
            return


def _padding(form: str) -> int:
    """Bytes of padding at a record's end; the last record of a table may lack them."""
    digits = form[:-1].rsplit("B", 1)[-1].rsplit("H", 1)[-1]
    return int(digits or 1) if form.endswith("x") else 0


def _whole(data: memoryview, size: int, padding: int) -> memoryview | bytes:
    """The table's records, if it can be one of records of this size; zeros behind the last fill up a page."""
    used = len(bytes(data).rstrip(b"\0"))
    whole = -(-used // size) * size
    if whole > len(data) + padding:
        return b""
    return bytes(data) + bytes(whole - len(data)) if whole > len(data) else data[:whole]


def _record(form: str, data: memoryview | bytes, at: int, address: int, addresses: int) -> Record:
    return _absolute(struct.unpack_from("<" + form, data, at), form, address + at, addresses)


def _absolute(row: Record, form: str, at: int, addresses: int) -> Record:
    """The row with its first `addresses` fields made absolute."""
    if form[0] != "i":
        return row
    return (*(at + 4 * i + row[i] for i in range(addresses)), *row[addresses:])


def _act(table: Table, form: str, data: memoryview | bytes, address: int, place: Place) -> None:
    size, count, code = struct.calcsize("<" + form), table.addresses, place.code
    is_relative = form[0] == "i"
    for row in struct.iter_unpack("<" + form, data):
        record = (*[address + 4 * i + row[i] for i in range(count)], *row[count:]) if is_relative else row
        address += size
        if record[0] in code:
            table.act(record, place)


def _in_code(record: Record, place: Place) -> bool:
    return record[0] in place.code


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
    Table("__mcount_loc", ("I", "Q"), _in_code, _five),
    Table("__ex_table", ("iii", "ii", "II", "QQ"), _both_in_code, _fixup, 2),
    Table("__bug_table", ("iiHH", "IIHH", "QQHH4x", "IH2x", "iHH"), _bug_fits, _bug),
)
