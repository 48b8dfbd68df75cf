# SPDX-License-Identifier: GPL-2.0-or-later
"""Go's table of functions in programs without symbols."""

import struct

from elf_maker import ALLOC, EXEC, Maker, Part

from patcher.binary.elf import READER
from patcher.binary.model import Binary, Entry, Function, Origin

_CODE, _TABLE = 0x80_0000, 0x80_1000
_NAMES = b"main.main\0main.run\0"


def _table(magic: int = 0xFFFFFFF1, size: int = 8, count: int = 2) -> bytes:
    """Two functions, at 0x10 and 0x30 of the code, and the end of the second at 0x38."""
    names = 8 + 8 * size
    rows = names + len(_NAMES)
    header = struct.pack("<I4B", magic, 0, 0, 1, size)
    header += struct.pack("<8Q" if size == 8 else "<8I", count, 0, _CODE, names, 0, 0, 0, rows)
    records = struct.pack("<IiIi", 0x10, 0, 0x30, 10)
    return header + _NAMES + struct.pack("<5I", 0x10, 20, 0x30, 28, 0x38) + records


def _read(table: bytes) -> Binary:
    text = Part(".text", b"\xc3" * 0x40, ALLOC | EXEC, address=_CODE)
    part = Part(".gopclntab", table, ALLOC, address=_TABLE)
    segments = [(1, 5, 0, _CODE, _CODE, 0x40), (1, 4, 1, _TABLE, _TABLE, len(table))]
    (binary,) = READER.read(bytes(Maker([text, part], type=2, entry=_CODE, segments=segments)), "prog")
    return binary


def test_functions_are_entries_with_names_and_extents() -> None:
    for size in (8, 4):
        binary = _read(_table(size=size))
        assert binary.functions == (
            Function(_CODE + 0x10, _CODE + 0x30, "main.main"), Function(_CODE + 0x30, _CODE + 0x38, "main.run"),
        )  # fmt: skip
        assert Entry(_CODE + 0x30, 32, Origin.UNWIND, "main.run") in binary.entries


def test_an_older_table_is_not_read() -> None:
    assert _read(_table(magic=0xFFFFFFFB)).functions == ()


def test_a_damaged_table_is_read_as_far_as_it_goes() -> None:
    assert len(_read(_table(count=1 << 40)).functions) >= 1
    for cut in range(len(_table())):
        _read(_table()[:cut])
