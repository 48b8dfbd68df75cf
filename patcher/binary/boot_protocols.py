# SPDX-License-Identifier: GPL-2.0-or-later
"""Entries that a boot loader uses instead of an ELF file's own: Multiboot, Multiboot2, PVH.

Multiboot 0.6.96 and Multiboot2 2.0, "OS image format"; Xen, docs/misc/pvh.pandoc (the note XEN_ELFNOTE_PHYS32_ENTRY).
All of them enter in 32-bit protected mode, whatever the class of the file.
"""

import struct
from collections.abc import Iterator

from patcher.binary.elf_file import ElfFile
from patcher.binary.elf_linked import virtual_entry
from patcher.binary.gathering import Gathering
from patcher.binary.model import Origin
from patcher.errors import PatcherError
from patcher.image.elf import PT_LOAD
from patcher.image.multiboot import find_header, header_offset

PT_NOTE = 4
XEN_PHYS32_ENTRY = 18
MULTIBOOT2 = struct.pack("<I", 0xE85250D6)
MULTIBOOT2_SEARCH = 32768
TAG_END, TAG_ENTRY = 0, 3


def enter_boot_protocols(elf: ElfFile, into: Gathering) -> bool:
    """Add the boot protocols' entries; whether the file is for one at all."""
    entries = [*_multiboot(elf), *_multiboot2(elf), *_pvh(elf)]
    for physical, name in entries:
        into.enter(_virtual(elf, physical), Origin.PROTOCOL, name, mode=32)
    return bool(entries)


def _virtual(elf: ElfFile, physical: int) -> int:
    for row in elf.segments:
        if row.type == PT_LOAD and row.paddr <= physical < row.paddr + row.memsz:
            return physical - row.paddr + row.vaddr
    return physical


def _multiboot(elf: ElfFile) -> Iterator[tuple[int, str]]:
    if header_offset(elf.data) is None:
        return
    try:
        header = find_header(elf.data, elf.name)
    except PatcherError:
        return
    if header is not None and header.has_addresses:
        yield header.entry_addr, "Multiboot"
    elif (entry := virtual_entry(elf)) is not None:
        into_physical = next(
            (r.paddr - r.vaddr for r in elf.segments if r.vaddr <= entry < r.vaddr + r.memsz), 0
        )
        yield entry + into_physical, "Multiboot"


def _multiboot2(elf: ElfFile) -> Iterator[tuple[int, str]]:
    data = elf.data
    at = data.find(MULTIBOOT2, 0, MULTIBOOT2_SEARCH)
    while at >= 0 and (
        at % 8 or at + 16 > len(data) or sum(struct.unpack_from("<4I", data, at)) & 0xFFFFFFFF
    ):
        at = data.find(MULTIBOOT2, at + 1, MULTIBOOT2_SEARCH)
    if at < 0:
        return
    end = min(at + struct.unpack_from("<I", data, at + 8)[0], len(data), at + MULTIBOOT2_SEARCH)
    yield from ((entry, "Multiboot2") for entry in _tagged_entries(data, at + 16, end))
    if (entry := virtual_entry(elf)) is not None and not _has_entry_tag(data, at + 16, end):
        into_physical = next(
            (r.paddr - r.vaddr for r in elf.segments if r.vaddr <= entry < r.vaddr + r.memsz), 0
        )
        yield entry + into_physical, "Multiboot2"


def _tagged_entries(data: bytes, at: int, end: int) -> Iterator[int]:
    while at + 12 <= end:
        kind, _, size = struct.unpack_from("<HHI", data, at)
        if kind == TAG_END or size < 8:
            return
        if kind == TAG_ENTRY:
            yield struct.unpack_from("<I", data, at + 8)[0]
        at += -(-size // 8) * 8


def _has_entry_tag(data: bytes, at: int, end: int) -> bool:
    return next(_tagged_entries(data, at, end), None) is not None


def _pvh(elf: ElfFile) -> Iterator[tuple[int, str]]:
    for row in elf.segments:
        if row.type == PT_NOTE:
            for owner, kind, text in _notes(elf.data[row.offset : row.offset + min(row.filesz, 1 << 16)]):
                if owner == b"Xen\0" and kind == XEN_PHYS32_ENTRY and len(text) >= 4:
                    yield struct.unpack_from("<I", text)[0], "PVH"


def _notes(data: bytes) -> Iterator[tuple[bytes, int, bytes]]:
    """Owner, type and contents of each note of a note segment."""
    at = 0
    while at + 12 <= len(data):
        owner, size, kind = struct.unpack_from("<3I", data, at)
        start = at + 12 + -(-owner // 4) * 4
        yield data[at + 12 : at + 12 + owner], kind, data[start : start + size]
        at = start + -(-size // 4) * 4
