# SPDX-License-Identifier: GPL-2.0-or-later
"""An ELF file's headers as an audit reads them: loadable segments and, where they can be trusted, sections.

Program headers say what runs; section headers are a convenience that a stripper may drop and an attacker may
forge. A damaged section header table therefore costs its information and a note, never the file.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from patcher.image.elf import PT_LOAD, ElfHeader, ProgramHeader, program_headers, read_header

SHT_PROGBITS, SHT_SYMTAB, SHT_RELA, SHT_DYNAMIC, SHT_NOBITS, SHT_REL, SHT_DYNSYM = 1, 2, 4, 6, 8, 9, 11
SHT_INIT_ARRAY, SHT_FINI_ARRAY, SHT_PREINIT_ARRAY = 14, 15, 16
SHF_WRITE, SHF_ALLOC, SHF_EXECINSTR, SHF_TLS, SHF_COMPRESSED = 1, 2, 4, 0x400, 0x800
SHN_XINDEX = 0xFFFF


@dataclass(frozen=True, slots=True)
class SectionHeader:
    """One row of the section header table; its file bytes are inside the file."""

    index: int
    name: str
    type: int
    flags: int
    address: int
    offset: int
    size: int
    link: int
    info: int
    align: int

    @property
    def end(self) -> int:
        return self.address + self.size

    @property
    def is_executable(self) -> bool:
        return bool(self.flags & SHF_EXECINSTR)

    @property
    def is_loaded(self) -> bool:
        """It takes room in memory. (.tbss does not: its addresses are those of what follows it.)"""
        is_tbss = self.flags & SHF_TLS and self.type == SHT_NOBITS
        return bool(self.flags & SHF_ALLOC and self.size and not is_tbss)


@dataclass(frozen=True, slots=True)
class ElfFile:
    """A file's parsed headers. `sections` is empty where they are missing or damaged, and `damage` says why."""

    data: bytes
    name: str
    header: ElfHeader
    segments: tuple[ProgramHeader, ...]
    sections: tuple[SectionHeader, ...]
    damage: str = ""

    @property
    def word(self) -> str:
        """The `struct` letter of an address."""
        return "I" if self.header.bits == 32 else "Q"

    def contents(self, section: SectionHeader) -> memoryview:
        """A section's bytes in the file; none for NOBITS."""
        size = 0 if section.type == SHT_NOBITS else section.size
        return memoryview(self.data)[section.offset : section.offset + size]

    def of_type(self, *types: int) -> Iterator[SectionHeader]:
        """Every section of one of these types."""
        return (section for section in self.sections if section.type in types)


def read_file(data: bytes, name: str) -> ElfFile:
    """The headers of any x86 ELF file."""
    header = read_header(data, name, objects=True)
    segments = () if header.is_object else tuple(program_headers(data, header, name))
    loads = tuple(row for row in segments if row.type != PT_LOAD or row.memsz)
    try:
        return ElfFile(data, name, header, loads, tuple(_sections(data, header)))
    except _Damaged as damage:
        return ElfFile(data, name, header, loads, (), str(damage))


class _Damaged(Exception):
    """The section header table cannot be used; why."""


def _sections(data: bytes, header: ElfHeader) -> Iterator[SectionHeader]:
    rows = _rows(data, header)
    if not rows:
        return
    names = header.shstrndx if header.shstrndx != SHN_XINDEX else rows[0][6]
    strings = _strings(data, rows[names]) if names < len(rows) else b""
    for index, row in enumerate(rows):
        kind, offset, size = row[1], row[4], row[5]
        if kind not in (0, SHT_NOBITS) and offset + size > len(data):
            raise _Damaged(f"section header {index} reaches past the end of the file")
        yield SectionHeader(index, _string(strings, row[0]), *row[1:9])


def _rows(data: bytes, header: ElfHeader) -> list[tuple[int, ...]]:
    """name, type, flags, address, offset, size, link, info, align (and entry size) of every section."""
    form = struct.Struct("<10I" if header.bits == 32 else "<2I4Q2I2Q")
    if not header.shoff:
        return []
    if header.shentsize != form.size or header.shoff + form.size > len(data):
        raise _Damaged("the section header table is not inside the file")
    count = header.shnum or form.unpack_from(data, header.shoff)[5]
    end = header.shoff + count * form.size
    if end > len(data):
        raise _Damaged(f"the section header table ends at file offset {end:#x}, past the end of the file")
    return list(form.iter_unpack(memoryview(data)[header.shoff : end]))


def _strings(data: bytes, row: tuple[int, ...]) -> bytes:
    return data[row[4] : row[4] + min(row[5], 1 << 24)]


def _string(strings: bytes, at: int) -> str:
    stop = strings.find(b"\0", at, at + 256)
    return strings[at : stop if stop >= 0 else at + 256].decode("utf-8", "replace")
