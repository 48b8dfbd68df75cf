# SPDX-License-Identifier: GPL-2.0-or-later
"""The COFF symbol table: in object files always, in images when the linker kept it (GNU ld does).

Microsoft, "PE Format", "COFF Symbol Table".
"""

from collections.abc import Iterator
from dataclasses import dataclass

from patcher.binary.part import Part, form, text_at
from patcher.errors import PatcherError

EXTERNAL, STATIC, LABEL, WEAK = 2, 3, 6, 105
"""Storage classes of names that stand for addresses."""
FUNCTION = 0x20
"""Type: a function (IMAGE_SYM_DTYPE_FUNCTION in its high half)."""
MAX_NAME = 4096


@dataclass(frozen=True, slots=True)
class CoffSymbol:
    """`section` counts from 1; 0 is undefined, -1 an absolute value. `index` is the row."""

    index: int
    name: str
    value: int
    section: int
    storage: int
    is_function: bool
    auxiliary: int


def coff_symbols(part: Part, at: int, rows: int, wide: bool = False) -> Iterator[CoffSymbol]:
    """Every symbol. All names together may take no more room than the file."""
    layout = form("8sIiHBB" if wide else "8sIhHBB")
    table = part.cut(at, rows * layout.size, f"the table of {rows} COFF symbols")
    strings, room, skip = at + rows * layout.size, 2 * len(part), 0
    for index, (short, value, section, kind, storage, auxiliary) in enumerate(layout.iter_unpack(table)):
        if skip:
            skip -= 1
            continue
        skip = auxiliary
        name = _name(part, short, strings)
        room -= len(name)
        if room < 0:
            raise PatcherError(f"The COFF symbol names of {part.name} take more room than the file.")
        yield CoffSymbol(index, name, value, section, storage, kind & 0xF0 == FUNCTION, auxiliary)


def _name(part: Part, short: bytes, strings: int) -> str:
    """Up to eight bytes in the row, else zero and an offset in the string table."""
    if short[:4] != bytes(4):
        return short.rstrip(b"\0").decode("utf-8", "replace")
    return text_at(part.data, strings + int.from_bytes(short[4:], "little"), MAX_NAME)
