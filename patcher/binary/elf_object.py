# SPDX-License-Identifier: GPL-2.0-or-later
"""Relocatable objects (kernel modules, archives' members) laid out in memory, as a linker or loader would.

Sections get addresses in the file's order from `BASE` on. Every undefined symbol gets an address of its own
behind them, `STEP` bytes apart, where no section is. What a relocation changes is copied; the rest stays a view.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from patcher.binary.elf_file import (
    SHF_COMPRESSED,
    SHF_WRITE,
    SHT_NOBITS,
    SHT_REL,
    SHT_RELA,
    SHT_SYMTAB,
    ElfFile,
    SectionHeader,
)  # fmt: skip
from patcher.binary.elf_names import ROWS, SHN_ABS, SHN_COMMON, SHN_UNDEF, Names, rows, strings
from patcher.binary.elf_relocate import Relocator
from patcher.binary.gathering import Gathering
from patcher.binary.model import Section
from patcher.errors import PatcherError

BASE = 0x1000_0000
"""Where the first section goes: far from 0, so that a field without relocation is no address."""
LIMIT = 0x7000_0000
"""Sections and symbols end below this: every address fits a signed 32-bit field."""
STEP = 16
UNREAD = frozenset(
    (".orc_unwind_ip", ".orc_unwind", "__ksymtab", "__ksymtab_gpl", "__versions", "___srcu_struct_ptrs")
)
"""Sections whose relocated contents nobody here needs; some are as long as the code."""
MAX_ALIGN = 0x20_0000
"""An alignment beyond a large page is no linker's."""
APART = 16
"""Bytes between sections, so that running off one's end never leads into the next."""


@dataclass(slots=True)
class Layout:
    """Where everything of an object is. `values` are the symbols' addresses by index."""

    sections: dict[int, Section]
    values: list[int] = field(default_factory=list)
    names: dict[int, str] = field(default_factory=dict)
    """Index -> name, of undefined symbols."""

    @property
    def bases(self) -> dict[int, int]:
        """Address of each loaded section, by its index in the file."""
        return {index: section.address for index, section in self.sections.items()}


def lay_out(elf: ElfFile, into: Gathering) -> Layout:
    """Place, name and relocate. `into` gets sections, relocated fields, pointers and imports."""
    layout = Layout(dict(_placed(elf)))
    end = _place_symbols(elf, layout)
    relocator = Relocator(elf, layout.values, _aligned(end, 0x1000))
    for table in elf.of_type(SHT_REL, SHT_RELA):
        section = layout.sections.get(table.info)
        if section is not None and section.data and table.size and section.name not in UNREAD:
            layout.sections[table.info] = replace(section, data=relocator.apply(table, section))
    into.sections += layout.sections.values()
    into.sections += relocator.got_sections()
    into.fields += relocator.fields
    into.pointers.update(relocator.pointers)
    into.imports += [(layout.values[index], text) for index, text in layout.names.items() if text]
    return layout


def _aligned(address: int, align: int) -> int:
    return -(-address // align) * align


def _placed(elf: ElfFile) -> Iterator[tuple[int, Section]]:
    address = BASE
    loaded = [row for row in elf.sections if row.is_loaded and not row.flags & SHF_COMPRESSED]
    if sum(row.size for row in loaded if row.type != SHT_NOBITS) > 2 * len(elf.data):
        raise PatcherError(f"The sections of {elf.name} overlap in the file: they are longer than it.")
    for row in loaded:
        address = _aligned(address, min(max(row.align, 1), MAX_ALIGN))
        if address + row.size > LIMIT:
            raise PatcherError(
                f"Section {row.name} of {elf.name} with {row.size:#x} bytes has no room in memory."
            )
        yield row.index, _section(elf, row, address)
        address += row.size + APART


def _section(elf: ElfFile, row: SectionHeader, address: int) -> Section:
    return Section(
        row.name or f"section {row.index}",
        address,
        elf.contents(row),
        row.size,
        row.is_executable and row.type != SHT_NOBITS,
        bool(row.flags & SHF_WRITE),
        elf.header.mode,
        row.offset,
    )


def _place_symbols(elf: ElfFile, layout: Layout) -> int:
    """Addresses of all symbols: a section's and an offset, or a place of their own behind all sections.

    Returns the end of those places.
    """
    outside = _aligned(max((s.end for s in layout.sections.values()), default=BASE), 0x1000) + 0x1000
    table = next(elf.of_type(SHT_SYMTAB), None)
    if table is None:
        return outside
    row_of = ROWS[elf.header.bits]
    at_value, at_section = row_of.value, row_of.section
    name_at = Names(strings(elf, table), len(elf.data), elf.name)
    bases = {SHN_ABS: 0, **layout.bases}
    values, names = layout.values, layout.names
    for row in rows(elf, table):
        base = bases.get(row[at_section])
        if base is None:
            values.append(outside)
            outside += STEP
            if row[at_section] in (SHN_UNDEF, SHN_COMMON):
                names[len(values) - 1] = name_at(row[0])
        else:
            values.append(base + row[at_value])
    return outside
