# SPDX-License-Identifier: GPL-2.0-or-later
"""An ELF file's symbol tables, read for audits: where functions are, and what they are called.

`patcher.image.elf_symbols` reads the few symbols of a program that is to be launched; the tables of a kernel
and its modules have a million rows, so here rows stay tuples until the very end. A hostile table may name one
long string from every row: the names together may take no more room than the file.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from patcher.binary.elf_file import SHT_DYNSYM, SHT_SYMTAB, ElfFile, SectionHeader
from patcher.binary.gathering import Gathering
from patcher.binary.model import Origin
from patcher.errors import PatcherError

STT_NOTYPE, STT_OBJECT, STT_FUNC, STT_SECTION, STT_FILE, STT_GNU_IFUNC = 0, 1, 2, 3, 4, 10
STB_LOCAL = 0
SHN_UNDEF, SHN_ABS, SHN_COMMON = 0, 0xFFF1, 0xFFF2
MAX_NAME = 4096
FUNCTIONS, _NO_NAMES = (STT_FUNC, STT_GNU_IFUNC), (STT_SECTION, STT_FILE)


@dataclass(frozen=True, slots=True)
class Row:
    """How the columns of a symbol table of either class lie in an unpacked row."""

    form: struct.Struct
    value: int
    size: int
    info: int
    section: int


ROWS = {32: Row(struct.Struct("<IIIBBH"), 1, 2, 3, 5), 64: Row(struct.Struct("<IBBHQQ"), 4, 5, 1, 3)}


def rows(elf: ElfFile, table: SectionHeader) -> Iterator[tuple[int, ...]]:
    """Every row of a symbol table, in the columns of `ROWS`."""
    form = ROWS[elf.header.bits].form
    view = elf.contents(table)
    return form.iter_unpack(view[: len(view) // form.size * form.size])


def strings(elf: ElfFile, table: SectionHeader) -> bytes:
    """The names that a symbol table's rows point into."""
    return bytes(elf.contents(elf.sections[table.link])) if table.link < len(elf.sections) else b""


class Names:
    """A string table whose use is paid for: all names together may be as long as the file."""

    def __init__(self, text: bytes, budget: int, name: str) -> None:
        self._text, self._budget, self._name = text, budget, name

    def __call__(self, at: int) -> str:
        stop = self._text.find(b"\0", at, at + MAX_NAME)
        raw = self._text[at : stop if stop >= 0 else at + MAX_NAME]
        self._budget -= len(raw)
        if self._budget < 0:
            raise PatcherError(
                f"The symbol names of {self._name} take more room than the file: its symbol table is damaged."
            )
        return raw.decode("utf-8", "replace")


def read_names(elf: ElfFile, into: Gathering, bases: dict[int, int] | None = None) -> None:
    """Symbols in executable sections, and an entry for each function among them.

    `bases` gives a relocatable object's section addresses; without it, symbol values are addresses. A label
    without a type is a name only: in hand-written code it may stand before data.
    """
    for kind, origin in ((SHT_SYMTAB, Origin.SYMBOL), (SHT_DYNSYM, Origin.EXPORT)):
        for table in elf.of_type(kind):
            _read_table(elf, table, origin, into, bases)


def _read_table(
    elf: ElfFile, table: SectionHeader, origin: Origin, into: Gathering, bases: dict[int, int] | None
) -> None:
    row_of = ROWS[elf.header.bits]
    at_value, at_size, at_info, at_section = row_of.value, row_of.size, row_of.info, row_of.section
    name_at = Names(strings(elf, table), len(elf.data), elf.name)
    code, symbols = into.code(), into.symbols
    for row in rows(elf, table):
        kind, address = row[at_info] & 15, row[at_value]
        if kind in _NO_NAMES or not row[0] or row[at_section] == SHN_UNDEF:
            continue
        if bases is not None:
            if row[at_section] not in bases:
                continue
            address += bases[row[at_section]]
        if address in code:
            text, size = name_at(row[0]), row[at_size]
            is_function = kind in FUNCTIONS
            symbols.append((address, text, size, is_function))
            if is_function:
                into.enter(address, origin, text)
                into.functions.setdefault(address, (address + size, text))
            elif kind == STT_NOTYPE and row[at_info] >> 4 != STB_LOCAL:
                into.pointers.add(address)
        elif bases is None and kind == STT_NOTYPE:
            _mark(name_at(row[0]), address, into)


def _mark(text: str, address: int, into: Gathering) -> None:
    if text.startswith(("__start_", "__stop_")):
        into.marks[text] = address
