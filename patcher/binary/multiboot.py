# SPDX-License-Identifier: GPL-2.0-or-later
"""Multiboot images without an ELF header: the header's address fields say what goes where (Multiboot 0.6.96, 3.1).

An ELF file with a Multiboot header is read by `patcher.binary.elf`, which knows more about it.
"""

from patcher.binary.gathering import Gathering
from patcher.binary.model import Binary, Origin, Privilege, Reader, Section
from patcher.errors import PatcherError
from patcher.image.elf import MAGIC
from patcher.image.multiboot import FORMAT, find_header, read_address_fields


def read_multiboot(data: bytes, name: str) -> tuple[Binary, ...]:
    """The one segment that the header describes, entered in 32-bit protected mode."""
    header = find_header(data, name)
    if header is None or not header.has_addresses:
        raise PatcherError(f"{name} has no Multiboot header with address fields.")
    image = read_address_fields(data, header, name)
    (segment,) = image.segments
    offset = header.offset - (header.header_addr - header.load_addr)
    section = Section("image", segment.address, segment.data, segment.size, True, True, 32, offset)
    into = Gathering("multiboot", 32, Privilege.KERNEL, [section])
    into.enter(image.entry, Origin.PROTOCOL, "Multiboot")
    return (into.binary("", name),)


READER = Reader(
    "multiboot",
    rank=20,
    matches=lambda data: not data.startswith(MAGIC) and FORMAT.matches(data),
    read=read_multiboot,
)
