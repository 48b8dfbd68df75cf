# SPDX-License-Identifier: GPL-2.0-or-later
"""Multiboot 1 headers, and images that the header's own address fields describe.

Multiboot Specification 0.6.96, section 3.1. A kernel whose header has bit 16 set tells where its bytes go by
itself, whatever the rest of the file is: an ELF file with that bit is loaded by these fields. Without the bit
the file is ELF, and `elf` reads it.
"""

import struct
from dataclasses import dataclass

from patcher.errors import PatcherError
from patcher.image.model import Format, Image, Segment
from patcher.x86.address import Gpa, Gva

MAGIC = 0x1BADB002
SEARCH = 8192
"""The header lies in the first 8192 bytes, aligned to 4 (3.1)."""
ALIGN_MODULES, MEMORY_INFO, VIDEO_MODE, ADDRESS_FIELDS = 1 << 0, 1 << 1, 1 << 2, 1 << 16


@dataclass(frozen=True, slots=True)
class MultibootHeader:
    """The header's fields; those that `flags` does not announce are 0."""

    offset: int
    flags: int
    header_addr: int = 0
    load_addr: int = 0
    load_end_addr: int = 0
    bss_end_addr: int = 0
    entry_addr: int = 0
    mode_type: int = 0
    width: int = 0
    height: int = 0
    depth: int = 0

    @property
    def has_addresses(self) -> bool:
        return bool(self.flags & ADDRESS_FIELDS)


def _sum(data: bytes, at: int) -> int:
    magic, flags, checksum = struct.unpack_from("<3I", data, at)
    return int(magic + flags + checksum) & 0xFFFFFFFF


def header_offset(data: bytes) -> int | None:
    """Where the header starts in the file: magic, flags and checksum add up to 0."""
    magic = MAGIC.to_bytes(4, "little")
    at = data.find(magic, 0, SEARCH)
    while at >= 0:
        if at % 4 == 0 and at + 12 <= min(len(data), SEARCH) and _sum(data, at) == 0:
            return at
        at = data.find(magic, at + 1, SEARCH)
    return None


def find_header(data: bytes, name: str) -> MultibootHeader | None:
    """The Multiboot header of a file, or None if it has none."""
    at = header_offset(data)
    if at is None:
        return None
    flags = struct.unpack_from("<I", data, at + 4)[0]
    size = 48 if flags & VIDEO_MODE else 32 if flags & ADDRESS_FIELDS else 12
    if at + size > len(data):
        raise PatcherError(
            f"{name} is truncated: its Multiboot header at file offset {at:#x} needs {size} bytes."
        )
    addresses = struct.unpack_from("<5I", data, at + 12) if flags & ADDRESS_FIELDS else (0,) * 5
    video = struct.unpack_from("<4I", data, at + 32) if flags & VIDEO_MODE else (0,) * 4
    return MultibootHeader(at, flags, *addresses, *video)


def _check_fields(header: MultibootHeader, start: int, end: int, size: int, name: str) -> None:
    """Refuse address fields that contradict each other or the file."""
    where = f"the Multiboot header of {name}"
    if header.header_addr < header.load_addr or start < 0:
        raise PatcherError(
            f"header_addr {header.header_addr:#010x} and load_addr {header.load_addr:#010x} in {where} "
            f"put the load address outside the file."
        )
    if end < header.load_addr:
        raise PatcherError(
            f"load_end_addr {end:#010x} in {where} is below load_addr {header.load_addr:#010x}."
        )
    if start + end - header.load_addr > size:
        raise PatcherError(
            f"{name} is truncated: its Multiboot header loads file bytes "
            f"[{start:#x}, {start + end - header.load_addr:#x}), and the file ends at {size:#x}."
        )
    if header.bss_end_addr and header.bss_end_addr < end:
        raise PatcherError(
            f"bss_end_addr {header.bss_end_addr:#010x} in {where} is below the data's end {end:#010x}."
        )


def read_address_fields(data: bytes, header: MultibootHeader, name: str) -> Image:
    """The one segment that the header's address fields describe."""
    start = header.offset - (header.header_addr - header.load_addr)
    end = header.load_end_addr or header.load_addr + len(data) - start
    _check_fields(header, start, end, len(data), name)
    last = max(header.bss_end_addr, end)
    if last > 1 << 32 or last == header.load_addr:
        raise PatcherError(f"The Multiboot header of {name} loads [{header.load_addr:#010x}, {last:#010x}).")
    if not header.load_addr <= header.entry_addr < last:
        raise PatcherError(
            f"The entry point {header.entry_addr:#010x} in the Multiboot header of {name} is outside "
            f"[{header.load_addr:#010x}, {last:#010x}), which it loads."
        )
    view = memoryview(data)[start : start + end - header.load_addr]
    segment = Segment(
        Gva(header.load_addr), Gpa(header.load_addr), view, last - header.load_addr,
        writable=True, executable=True, name="the Multiboot image",
    )  # fmt: skip
    return Image(name, "multiboot", 32, Gva(header.entry_addr), (segment,))


def _matches(data: bytes) -> bool:
    at = header_offset(data)
    return at is not None and bool(data[at + 6] & ADDRESS_FIELDS >> 16)


def _read(data: bytes, name: str) -> Image:
    header = find_header(data, name)
    if header is None or not header.has_addresses:
        raise PatcherError(f"{name} has no Multiboot header with address fields.")
    return read_address_fields(data, header, name)


FORMAT = Format("multiboot", rank=20, matches=_matches, read=_read)
