# SPDX-License-Identifier: GPL-2.0-or-later
"""Multiboot images without ELF headers: the address fields place them."""

import struct

import pytest

import patcher.binary
from patcher.binary.model import Origin, Privilege
from patcher.errors import PatcherError

HEADER_AT = 8


def image(load: int = 0x10_0000, entry: int = 0x10_0030, length: int = 64, bss: int = 0x10_1000) -> bytes:
    flags = 1 << 16
    fields = struct.pack("<5I", load + HEADER_AT, load, load + length, bss, entry)
    header = struct.pack("<III", 0x1BADB002, flags, -(0x1BADB002 + flags) & 0xFFFF_FFFF) + fields
    return (bytes(HEADER_AT) + header).ljust(length, b"\x90")


def test_is_one_section_entered_by_the_protocol() -> None:
    (binary,) = patcher.binary.read(image(), "kernel")
    (section,) = binary.sections
    assert (section.address, len(section.data), section.size, section.file_offset) == (
        0x10_0000,
        64,
        0x1000,
        0,
    )
    (entry,) = binary.entries
    assert (entry.address, entry.mode, entry.origin) == (0x10_0030, 32, Origin.PROTOCOL)
    assert (binary.format, binary.privilege) == ("multiboot", Privilege.KERNEL)


def test_fields_that_contradict_the_file_are_a_sentence() -> None:
    with pytest.raises(PatcherError, match=r"^kernel is truncated: its Multiboot header loads"):
        patcher.binary.read(image()[:-1], "kernel")
    with pytest.raises(PatcherError, match=r"^The entry point 0x00000010 in the Multiboot header of kernel"):
        patcher.binary.read(image(entry=0x10), "kernel")
