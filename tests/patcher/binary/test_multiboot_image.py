# SPDX-License-Identifier: GPL-2.0-or-later
"""Multiboot images without an ELF header."""

from executables import Elf, Part, multiboot_flat, multiboot_header

from patcher.binary.model import Entry, Origin, Privilege
from patcher.binary.multiboot import READER


def test_the_header_says_where_the_image_goes() -> None:
    data = b"skip" * 4 + multiboot_flat(load=0x20_0000, body=b"\xf4" * 16)
    assert READER.matches(data)
    (binary,) = READER.read(data, "guest.bin")
    (section,) = binary.sections
    assert (section.address, section.size, section.file_offset) == (0x20_0000, 48, 16)
    assert binary.entries == (Entry(0x20_0020, 32, Origin.PROTOCOL, "Multiboot"),)
    assert (binary.privilege, binary.mode) == (Privilege.KERNEL, 32)


def test_elf_files_and_headers_without_addresses_are_not_its_business() -> None:
    fields = multiboot_header(1 << 16, 0x10_0000, 0x10_0000, 0, 0, 0x10_0000)
    assert not READER.matches(bytes(Elf((Part(fields),))))
    assert not READER.matches(multiboot_header(3))
