# SPDX-License-Identifier: GPL-2.0-or-later
"""ELF files as the corpora need them: where sections lie in the file, and which bytes a relocation fills in.

This does not use the patcher's own readers, which are among what is measured.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from vmm.bench.audit.tools import ToolError

_EXECUTABLE: Final = 4  # SHF_EXECINSTR
_SIZES: Final = {
    "EM_386": {20: 2, 21: 2, 22: 1, 23: 1},
    "EM_X86_64": {1: 8, 12: 2, 13: 2, 14: 1, 15: 1, 24: 8, 25: 8},
}


@dataclass(frozen=True, slots=True)
class CodeSection:
    """An executable section: `address` is in memory, `offset` in the file."""

    name: str
    address: int
    offset: int
    size: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Object:
    """An ELF file. `fields` are (section name, offset in it, bytes) of relocations, `symbols` (section name, offset in
    it) by name.
    """

    bits: int
    code: tuple[CodeSection, ...]
    fields: tuple[tuple[str, int, int], ...]
    symbols: dict[str, tuple[str, int]]

    def section(self, name: str) -> CodeSection:
        return next(section for section in self.code if section.name == name)

    def offset_of(self, address: int) -> int | None:
        """File offset of an address in executable sections."""
        for section in self.code:
            if section.address <= address < section.address + section.size:
                return section.offset + address - section.address
        return None


def read(data: bytes) -> Object:
    """Read an ELF file that the linker or the assembler made."""
    from elftools.elf.elffile import ELFFile

    elf: Any = ELFFile(io.BytesIO(data))
    code = tuple(
        CodeSection(s.name, s["sh_addr"], s["sh_offset"], s["sh_size"], s.data())
        for s in elf.iter_sections()
        if s["sh_flags"] & _EXECUTABLE and s["sh_size"] and s["sh_type"] == "SHT_PROGBITS"
    )
    if len({section.name for section in code}) != len(code):
        raise ToolError("Two executable sections of a file have one name.")
    return Object(elf.elfclass, code, tuple(_fields(elf)), dict(_symbols(elf)))


def _fields(elf: Any) -> list[tuple[str, int, int]]:
    sizes = _SIZES[elf["e_machine"]]
    found = []
    for section in elf.iter_sections():
        if section["sh_type"] in ("SHT_REL", "SHT_RELA") and elf["e_type"] == "ET_REL":
            name = elf.get_section(section["sh_info"]).name
            for entry in section.iter_relocations():
                found.append((name, entry["r_offset"], sizes.get(entry["r_info_type"], 4)))
    return found


def _symbols(elf: Any) -> Iterator[tuple[str, tuple[str, int]]]:
    """Where the symbols of a relocatable object lie; those of other files are not needed."""
    table = elf.get_section_by_name(".symtab")
    if table is None or elf["e_type"] != "ET_REL":
        return
    for symbol in table.iter_symbols():
        if symbol.name and isinstance(symbol["st_shndx"], int):
            yield symbol.name, (elf.get_section(symbol["st_shndx"]).name, symbol["st_value"])
