# SPDX-License-Identifier: GPL-2.0-or-later
"""Multiboot images that are no ELF files: one piece, placed by the address fields of its header.

Multiboot 0.6.96, section 3.1.3. Entered in 32-bit protected mode at entry_addr.
"""

from patcher.binary.model import Binary, Entry, Origin, Privilege, Reader, Section
from patcher.image import multiboot
from patcher.image.elf import MAGIC


def _matches(data: bytes) -> bool:
    return multiboot.FORMAT.matches(data) and not data.startswith(MAGIC)


def read_multiboot(data: bytes, name: str) -> tuple[Binary, ...]:
    """The one program. Raises `PatcherError` when the address fields contradict each other or the file."""
    image = multiboot.FORMAT.read(data, name)
    (segment,) = image.segments
    header = multiboot.header_offset(data)
    found = multiboot.find_header(data, name)
    assert header is not None
    assert found is not None
    offset = header - (found.header_addr - found.load_addr)
    section = Section("image", segment.address, segment.data, segment.size, True, True, 32, offset)
    entry = Entry(image.entry, 32, Origin.PROTOCOL, "Multiboot")
    return (Binary("", "multiboot", 32, Privilege.KERNEL, (section,), (entry,)),)


READER = Reader("multiboot", rank=40, matches=_matches, read=read_multiboot)
