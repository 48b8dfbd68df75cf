# SPDX-License-Identifier: GPL-2.0-or-later
"""ELF executables for x86 and x86-64 (System V ABI, "Object Files" and "Program Loading").

Headers are read with `struct` and every offset is checked against the file before it is used, because the
files come from anywhere: pyelftools, made for well-formed ones, follows counts and sizes wherever they lead.
"""

import struct
from dataclasses import dataclass

from patcher.errors import NotX86, PatcherError
from patcher.image.elf_symbols import read_symbols
from patcher.image.model import Format, Image, Segment, check_apart
from patcher.x86.address import Gpa, Gva

MAGIC = b"\x7fELF"
PT_LOAD = 1
PF_X, PF_W = 1, 2
ET_REL = 1
PN_XNUM = 0xFFFF
"""e_phnum's escape: the real count is in a section header. Nothing that boots has so many."""

#: e_machine -> mode, and names for the machines that people try.
MODES = {3: 32, 62: 64}
MACHINES = {2: "SPARC", 8: "MIPS", 20: "PowerPC", 21: "PowerPC64", 22: "S/390", 40: "Arm", 50: "Itanium",
            183: "AArch64", 243: "RISC-V", 258: "LoongArch"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ElfHeader:
    """The fields of the ELF header that a loader needs, of either class."""

    bits: int
    mode: int
    type: int
    entry: int
    phoff: int
    shoff: int
    phentsize: int
    phnum: int
    shentsize: int
    shnum: int
    shstrndx: int

    @property
    def is_object(self) -> bool:
        """It was not linked: sections without addresses, no program headers."""
        return self.type == ET_REL


@dataclass(frozen=True, slots=True)
class ProgramHeader:
    """One row of the program header table; widths do not matter any more."""

    index: int
    type: int
    flags: int
    offset: int
    vaddr: int
    paddr: int
    filesz: int
    memsz: int


def _check_room(data: bytes, size: int, name: str) -> None:
    if len(data) < size:
        raise PatcherError(f"{name} is truncated: {len(data)} bytes do not hold an ELF header.")


def read_header(data: bytes, name: str, objects: bool = False) -> ElfHeader:
    """The ELF header of an x86 or x86-64 file; of one that was not linked only where `objects` is set."""
    _check_room(data, 0x34, name)
    bits = {1: 32, 2: 64}.get(data[4])
    if bits is None or data[5] != 1:
        failure = NotX86 if data[5] == 2 else PatcherError
        raise failure(f"{name} is no little-endian ELF file (class {data[4]}, data {data[5]}).")
    _check_room(data, 0x40 if bits == 64 else 0x34, name)
    kind, machine = struct.unpack_from("<HH", data, 16)
    mode = MODES.get(machine)
    if mode is None:
        known = MACHINES.get(machine, "an unknown machine")
        raise NotX86(f"{name} is an ELF file for {known} (e_machine {machine}), not for x86.")
    if kind == ET_REL and not objects:
        raise PatcherError(f"{name} is an ELF object that was not linked; it has no addresses to load it at.")
    entry, phoff, shoff = struct.unpack_from("<3I" if bits == 32 else "<3Q", data, 24)
    counts = struct.unpack_from("<5H", data, 42 if bits == 32 else 54)
    return ElfHeader(bits, mode, kind, entry, phoff, shoff, *counts)


def program_headers(data: bytes, header: ElfHeader, name: str) -> list[ProgramHeader]:
    """The whole program header table; its rows are inside the file, what they say is not checked yet."""
    size = 32 if header.bits == 32 else 56
    if not header.phnum:
        raise PatcherError(f"{name} has no program headers, so nothing in it says what to load.")
    if header.phnum == PN_XNUM:
        raise PatcherError(f"{name} claims {PN_XNUM} program headers or more.")
    if header.phentsize != size:
        raise PatcherError(f"The program headers of {name} have {header.phentsize} bytes each, not {size}.")
    end = header.phoff + header.phnum * size
    if end > len(data):
        raise PatcherError(
            f"{name} is truncated: its {header.phnum} program headers end at file offset {end:#x}, "
            f"and the file at {len(data):#x}."
        )
    return [_row(data, header, index) for index in range(header.phnum)]


def _row(data: bytes, header: ElfHeader, index: int) -> ProgramHeader:
    if header.bits == 32:
        row = struct.unpack_from("<7I", data, header.phoff + 32 * index)
        kind, offset, vaddr, paddr, filesz, memsz, flags = row
    else:
        row = struct.unpack_from("<2I5Q", data, header.phoff + 56 * index)
        kind, flags, offset, vaddr, paddr, filesz, memsz = row
    return ProgramHeader(index, kind, flags, offset, vaddr, paddr, filesz, memsz)


def read_segment(data: bytes, row: ProgramHeader, bits: int, name: str) -> Segment:
    """The part of memory that a PT_LOAD row describes, checked against the file."""
    what = f"program header {row.index}"
    if row.offset + row.filesz > len(data):
        raise PatcherError(
            f"{name} is truncated: {what} wants file bytes [{row.offset:#x}, {row.offset + row.filesz:#x}), "
            f"and the file ends at {len(data):#x}."
        )
    if row.memsz < row.filesz:
        raise PatcherError(
            f"Program header {row.index} of {name} has more bytes in the file ({row.filesz:#x}) "
            f"than in memory ({row.memsz:#x})."
        )
    if max(row.vaddr, row.paddr) + row.memsz > 1 << bits:
        raise PatcherError(
            f"Program header {row.index} of {name} ({row.memsz:#x} bytes at {row.vaddr:#x}, "
            f"loaded at {row.paddr:#x}) reaches past the end of {bits}-bit addresses."
        )
    return Segment(
        Gva(row.vaddr),
        Gpa(row.paddr),
        memoryview(data)[row.offset : row.offset + row.filesz],
        row.memsz,
        writable=bool(row.flags & PF_W),
        executable=bool(row.flags & PF_X),
        name=what,
    )


def read_elf(data: bytes, name: str, symbols: bool = True) -> Image:
    """An executable's PT_LOAD segments. Without `symbols` only what a loader needs is read."""
    header = read_header(data, name)
    rows = [row for row in program_headers(data, header, name) if row.type == PT_LOAD and row.memsz]
    segments = tuple(read_segment(data, row, header.bits, name) for row in rows)
    if not segments:
        raise PatcherError(f"{name} has no program header of type PT_LOAD, so nothing in it is to be loaded.")
    check_apart(segments, name)
    table = (header.bits, header.shoff, header.shentsize, header.shnum)
    found = read_symbols(data, *table, name) if symbols else ()
    return Image(name, "elf", header.mode, Gva(header.entry), segments, found)


FORMAT = Format("elf", rank=30, matches=lambda data: data.startswith(MAGIC), read=read_elf)
