# SPDX-License-Identifier: GPL-2.0-or-later
"""Multiboot headers: where they are found, and images that their address fields describe."""

import pytest
from executables import CODE, Elf, Part, multiboot_flat, multiboot_header

from patcher import image
from patcher.errors import PatcherError
from patcher.image.multiboot import find_header


def test_address_fields_describe_one_segment() -> None:
    read = image.read(multiboot_flat(bss_end=0x10_4000), "kernel.bin")
    (segment,) = read.segments
    assert (read.format, read.mode, read.entry) == ("multiboot", 32, 0x10_0020)
    assert (segment.address, segment.load, len(segment.data), segment.size) == (
        0x10_0000,
        0x10_0000,
        35,
        0x4000,
    )


def test_bytes_before_load_addr_and_behind_load_end_stay_in_the_file() -> None:
    header = multiboot_header(0x1_0000, 0x20_0010, 0x20_0000, 0x20_0034, 0, 0x20_0030)
    data = b"\0" * 0x40 + b"L" * 16 + header + CODE + b"\x90" + b"trailing"
    (segment,) = image.read(data, "kernel.bin").segments
    assert bytes(segment.data) == b"L" * 16 + header + CODE + b"\x90"
    assert segment.load_end == 0x20_0034


def test_address_fields_go_before_the_elf_headers_around_them() -> None:
    header = multiboot_header(0x1_0000, 0x10_0000, 0x10_0000, 0, 0, 0x10_0020)
    assert image.read(bytes(Elf((Part(header + CODE),))), "kernel").format == "multiboot"


def test_an_elf_file_without_address_fields_stays_elf() -> None:
    data = bytes(Elf((Part(multiboot_header(3) + CODE),)))
    header = find_header(data, "kernel")
    assert header is not None
    assert (header.offset, header.flags, header.has_addresses) == (0x54, 3, False)
    assert image.read(data, "kernel").format == "elf"


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"\0" * 8180 + multiboot_header(0), True),
        (b"\0" * 8184 + multiboot_header(0), False),
        (b"\0" * 2 + multiboot_header(0), False),
        (multiboot_header(0)[:-1], False),
        (multiboot_header(0)[:8] + b"\0\0\0\0", False),
        (multiboot_header(0)[:8] + b"\0\0\0\0" + multiboot_header(0), True),
    ],
    ids=["last place", "too far", "unaligned", "cut off", "wrong checksum", "a false one before it"],
)
def test_where_a_header_is_found(data: bytes, found: bool) -> None:
    assert (find_header(data, "kernel") is not None) is found


BAD = {
    "header cut off": (
        multiboot_flat()[:31],
        "bad.bin is truncated: its Multiboot header at file offset 0x0 needs 32 bytes.",
    ),
    "video fields cut off": (
        multiboot_flat(flags=0x1_0004),
        "bad.bin is truncated: its Multiboot header at file offset 0x0 needs 48 bytes.",
    ),
    "header before the load address": (
        multiboot_flat(header_addr=0xF_FFF0),
        "header_addr 0x000ffff0 and load_addr 0x00100000 in the Multiboot header of bad.bin "
        "put the load address outside the file.",
    ),
    "load address before the file": (
        multiboot_flat(header_addr=0x10_0010),
        "header_addr 0x00100010 and load_addr 0x00100000 in the Multiboot header of bad.bin "
        "put the load address outside the file.",
    ),
    "end below start": (
        multiboot_flat(load_end=0x1000),
        "load_end_addr 0x00001000 in the Multiboot header of bad.bin is below load_addr 0x00100000.",
    ),
    "more than the file": (
        multiboot_flat(load_end=0x20_0000),
        "bad.bin is truncated: its Multiboot header loads file bytes [0x0, 0x100000), "
        "and the file ends at 0x23.",
    ),
    "bss below data": (
        multiboot_flat(bss_end=0x10_0001),
        "bss_end_addr 0x00100001 in the Multiboot header of bad.bin is below the data's end 0x00100023.",
    ),
    "zero entry": (
        multiboot_flat(entry=0),
        "The entry point 0x00000000 in the Multiboot header of bad.bin is outside [0x00100000, 0x00100023), "
        "which it loads.",
    ),
    "past 4 GiB": (
        multiboot_flat(load=0xFFFF_FFF0, entry=0xFFFF_FFF0),
        "The Multiboot header of bad.bin loads [0xfffffff0, 0x100000013).",
    ),
    "nothing": (
        multiboot_flat(load_end=0x10_0000),
        "The Multiboot header of bad.bin loads [0x00100000, 0x00100000).",
    ),
}


@pytest.mark.parametrize(("data", "sentence"), BAD.values(), ids=BAD)
def test_an_absurd_header_gets_a_sentence(data: bytes, sentence: str) -> None:
    with pytest.raises(PatcherError) as caught:
        image.read(data, "bad.bin")
    assert str(caught.value) == sentence
