# SPDX-License-Identifier: GPL-2.0-or-later
"""Reading a table of Linux whose form nothing in the file names.

A table's record has changed its form over the years (absolute addresses became relative ones, fields came and went),
so the one of the known forms is taken whose addresses make sense.
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from patcher.binary.address_space import AddressSpace
from patcher.binary.gathering import Extents, Gathering

SAMPLE = 64
"""Records by which a form is chosen: so many in a row, and so many in all of the table. Not only the latter: every
fourth record of 12 bytes is where every third one of 16 is."""

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
    `fits` says whether a record of these addresses can be real. `rewrites`: the kernel changes code by it.
    """

    section: str
    forms: tuple[str, ...]
    fits: Callable[[Record, Place], bool]
    act: Callable[[Record, Place], None]
    addresses: int = 1
    rewrites: bool = True


def read_table(table: Table, address: int, data: memoryview, place: Place) -> bool:
    """Take the records in the first form that fits; False when none does."""
    wide = place.into.mode == 64
    for form in table.forms:
        if ("Q" in form and not wide) or (form[0] == "I" and wide):
            continue
        size = struct.calcsize("<" + form)
        rows = _whole(data, size, _padding(form))
        if rows and all(
            table.fits(_record(form, rows, at, address, table.addresses), place)
            for at in _sample(len(rows), size)
        ):
            _act(table, form, rows, address, place)
            return True
    return False


def _sample(end: int, size: int) -> Iterator[int]:
    """Offsets of the records by which a form is chosen."""
    yield from range(0, min(end, size * SAMPLE), size)
    yield from range(0, end, size * max(1, end // size // SAMPLE))


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
