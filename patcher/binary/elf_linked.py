# SPDX-License-Identifier: GPL-2.0-or-later
"""The memory of a linked ELF file: by its section headers where they agree with what is loaded, else by segments.

The processor knows segments only. Section headers tell code from constants in one executable segment, so they
are taken when every one of them lies in a segment where the file says it does; what executable segments hold
beyond them is a section of its own unless it is padding.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from operator import attrgetter

from patcher.binary.elf_file import SHF_WRITE, SHT_NOBITS, ElfFile, SectionHeader
from patcher.binary.model import Section
from patcher.errors import PatcherError
from patcher.image.elf import PF_W, PF_X, PT_LOAD, ProgramHeader, read_segment

PADDING = b"\x00\x90\xcc"
"""Bytes that linkers fill gaps with."""
MAX_LOADS = 256
"""Segments that are loaded; nothing that runs has so many."""
ET_DYN = 3


@dataclass(frozen=True, slots=True)
class Memory:
    """Sections of a linked file, and why its own section headers were not used ("" where they were)."""

    sections: list[Section]
    doubt: str


def lay_out(elf: ElfFile) -> Memory:
    """Every section of a linked file. Raises `PatcherError` when what is to be loaded is not in the file."""
    loads = [row for row in elf.segments if row.type == PT_LOAD]
    if len(loads) > MAX_LOADS or sum(row.filesz for row in loads) > 4 * len(elf.data):
        raise PatcherError(
            f"{elf.name} claims {len(loads)} segments to be loaded, with {sum(row.filesz for row in loads):#x} "
            f"bytes of its {len(elf.data):#x}."
        )
    for row in loads:
        read_segment(elf.data, row, elf.header.bits, elf.name)
    if not loads:
        raise PatcherError(f"{elf.name} has no program header of type PT_LOAD, so nothing in it is loaded.")
    rows = sorted((s for s in elf.sections if s.is_loaded), key=attrgetter("address", "size"))
    doubt = elf.damage or ("" if rows else "it has no section headers") or _disagreement(elf, rows, loads)
    if doubt:
        return Memory([_whole(elf, row) for row in loads], doubt)
    found = [_named(elf, row) for row in rows]
    for load in loads:
        if load.flags & PF_X:
            found += _between(
                elf, load, [s for s in found if load.vaddr <= s.address < load.vaddr + load.memsz]
            )
    return Memory(found, "")


def _whole(elf: ElfFile, row: ProgramHeader) -> Section:
    return _part(elf, row, row.vaddr, row.vaddr + row.memsz, f"segment {row.index}")


def _part(elf: ElfFile, row: ProgramHeader, start: int, end: int, name: str) -> Section:
    """`[start, end)` of a segment."""
    first = row.offset + start - row.vaddr
    last = min(row.offset + row.filesz, first + end - start)
    data = memoryview(elf.data)[first : max(first, last)]
    flags = row.flags
    return Section(
        name, start, data, end - start, bool(flags & PF_X), bool(flags & PF_W), elf.header.mode, first
    )


def _named(elf: ElfFile, row: SectionHeader) -> Section:
    return Section(
        row.name or f"section {row.index}",
        row.address,
        elf.contents(row),
        row.size,
        row.is_executable,
        bool(row.flags & SHF_WRITE),
        elf.header.mode,
        row.offset,
    )


def _disagreement(elf: ElfFile, rows: list[SectionHeader], loads: list[ProgramHeader]) -> str:
    """Why section headers cannot be what is loaded; "" when they can.

    Executable sections in a segment that is not are believed: vmlinux's .init.text is one, since the kernel
    maps itself.
    """
    end = 0
    for row in rows:
        if row.address < end:
            return f"section {row.name} overlaps the one before it"
        end = row.end
        home = next((p for p in loads if p.vaddr <= row.address and row.end <= p.vaddr + p.memsz), None)
        if home is None:
            return f"section {row.name} is in no segment"
        if row.type != SHT_NOBITS and row.offset - home.offset != row.address - home.vaddr:
            return f"section {row.name} is elsewhere in the file than its segment has it"
    return _entry_doubt(elf, rows, loads)


def _entry_doubt(elf: ElfFile, rows: list[SectionHeader], loads: list[ProgramHeader]) -> str:
    entry = virtual_entry(elf, loads)
    if entry is None or any(row.address <= entry < row.end and row.is_executable for row in rows):
        return ""
    if any(p.vaddr <= entry < p.vaddr + p.memsz and p.flags & PF_X for p in loads):
        return "the entry point is in no executable section"
    return ""


def virtual_entry(elf: ElfFile, loads: list[ProgramHeader] | None = None) -> int | None:
    """The entry point as its own code sees it. vmlinux gives a physical one, which p_paddr maps."""
    rows = [row for row in elf.segments if row.type == PT_LOAD] if loads is None else loads
    entry = elf.header.entry
    if not entry and elf.header.type == ET_DYN:
        return None
    for row in rows:
        if row.flags & PF_X and row.vaddr <= entry < row.vaddr + row.memsz:
            return entry
    for row in rows:
        if row.flags & PF_X and row.paddr <= entry < row.paddr + row.memsz:
            return entry - row.paddr + row.vaddr
    return entry


def _between(elf: ElfFile, load: ProgramHeader, inside: list[Section]) -> Iterator[Section]:
    """What an executable segment holds between its sections, unless that is headers or padding."""
    start = load.vaddr
    if not load.offset:
        start += max(elf.header.phoff + elf.header.phnum * elf.header.phentsize, 0x34)
    for section in sorted(inside, key=attrgetter("address")):
        yield from _gap(elf, load, start, section.address)
        start = max(start, section.end)
    yield from _gap(elf, load, start, load.vaddr + load.memsz)


def _gap(elf: ElfFile, load: ProgramHeader, start: int, end: int) -> Iterator[Section]:
    if start < end:
        part = _part(elf, load, start, end, f"segment {load.index}")
        if bytes(part.data).strip(PADDING):
            yield part
