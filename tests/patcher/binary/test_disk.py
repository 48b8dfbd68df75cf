# SPDX-License-Identifier: GPL-2.0-or-later
"""Boot sectors and disk images: which sectors are boot programs, and what in them is a table."""

from uuid import UUID

import pytest
from disk_images import (
    boot_sector,
    compact_disc,
    disk,
    gpt,
    grub_boot_sector,
    grub_core,
    with_block,
)
from executables import Elf, multiboot_header

from patcher import binary
from patcher.binary import Binary, Origin, Privilege

LINUX = UUID("0fc63daf-8483-4772-8e79-3d69d8477de4")
MAIN = b"\xfc\xf3\xaa\x89\x15\0\0\1\0\xe8\x32\0\0\0"
KERNEL = (
    b"\xbe\x40\x90\0\0\xff\xe6".ljust(0x40, b"\xf4")
    + MAIN.ljust(0x40, b"\xf4")
    + b"mimg\0\0\0\0\x20".ljust(0x80, b"\0")
)
"""It has the magic number of its modules in its code, as GRUB's has."""


def read(data: bytes) -> dict[str, Binary]:
    return {found.name: found for found in binary.read(data, "disk.img")}


def test_a_boot_sector_is_16_bit_code_at_7c00() -> None:
    (found,) = binary.read(boot_sector(), "boot.bin")
    code, signature = found.sections
    assert (found.format, found.mode, found.privilege) == ("boot-sector", 16, Privilege.FIRMWARE)
    assert (code.address, code.size, code.executable, code.file_offset) == (0x7C00, 510, True, 0)
    assert (signature.address, signature.executable) == (0x7DFE, False)
    assert [(e.address, e.mode, e.origin) for e in found.entries] == [(0x7C00, 16, Origin.PROTOCOL)]


@pytest.mark.parametrize("jump", [b"\xeb\x3c\x90", b"\xe9\x3b\x00"])
def test_a_parameter_block_is_no_code(jump: bytes) -> None:
    (found,) = binary.read(with_block(jump), "fat.bin")
    assert [(s.address, s.executable) for s in found.sections] == [
        (0x7C00, True), (0x7C03, False), (0x7C3E, True), (0x7DFE, False),
    ]  # fmt: skip


def test_boot_sectors_of_partitions_are_found_and_the_table_is_no_code() -> None:
    rows = ((0x83, 8, 8), (0x0C, 16, 8), (0x83, 1 << 30, 8))
    found = read(disk({0: boot_sector(rows=rows), 8: with_block(), 16: b"no boot sector"}))
    assert list(found) == ["boot sector", "partition at sector 8"]
    assert [(s.address, s.executable) for s in found["boot sector"].sections] == [
        (0x7C00, True),
        (0x7DBE, False),
    ]
    assert found["partition at sector 8"].sections[0].file_offset == 8 * 512
    assert found["boot sector"].notes == ("Files in its file systems are not read.",)


def test_logical_partitions_are_followed_and_a_chain_that_leads_back_ends() -> None:
    first = boot_sector(b"", ((0x83, 2, 4), (0x05, 20, 9)))
    second = boot_sector(b"", ((0x83, 2, 4), (0x05, 30, 9)))
    third = boot_sector(b"", ((0x83, 2, 4), (0x05, 0, 9)))
    sectors = {0: boot_sector(rows=((0x05, 10, 50),)), 10: first, 30: second, 40: third}
    found = read(disk({**sectors, 12: with_block(), 32: with_block(), 42: with_block()}))
    assert list(found) == ["boot sector", *(f"partition at sector {n}" for n in (12, 32, 42))]


def test_partitions_of_a_gpt_are_found() -> None:
    sectors = {0: boot_sector(rows=((0xEE, 1, 63),)), **gpt((LINUX, 40), (LINUX, 1 << 60)), 40: with_block()}
    assert list(read(disk(sectors))) == ["boot sector", "partition at sector 40"]


def test_a_disk_without_boot_code_has_its_partitions_only() -> None:
    assert list(read(disk({0: boot_sector(b"", ((0x83, 8, 8),)), 8: with_block()}))) == [
        "partition at sector 8"
    ]


def test_grubs_core_is_found_through_its_boot_sector() -> None:
    core = grub_core(KERNEL, (bytes(Elf()),))
    found = read(disk({0: grub_boot_sector(1, ((0x83, 40, 8),)), 1: core}))
    names = ["loader", "kernel", "module 1"]
    assert list(found) == ["boot sector", *(f"GRUB at sector 1: {name}" for name in names)]
    assert [s.file_offset for s in found["GRUB at sector 1: loader"].sections] == [512, 2 * 512]


def test_grubs_core_is_read_once_for_a_disk() -> None:
    core = grub_core(b"\xf4" * 64)
    found = read(
        disk({0: grub_boot_sector(1, ((0x83, 40, 8),)), 1: core, 40: grub_boot_sector(50), 50: core})
    )
    assert list(found) == [
        "boot sector",
        "GRUB at sector 1: loader",
        "GRUB at sector 1: kernel",
        "partition at sector 40",
    ]


def test_a_core_image_has_a_loader_a_kernel_and_modules() -> None:
    found = {part.name: part for part in binary.read(grub_core(KERNEL, (bytes(Elf()),)), "core.img")}
    where = [(name, part.mode, part.sections[0].address) for name, part in found.items()]
    assert where == [
        ("loader", 16, 0x8000), ("kernel", 32, 0x9000), ("module 1", 32, 0x10_0000),
    ]  # fmt: skip
    assert [(entry.address, entry.name) for entry in found["loader"].entries] == [
        (0x8000, "diskboot"), (0x8200, "startup"),
    ]  # fmt: skip
    kernel = found["kernel"]
    assert bytes(kernel.sections[0].data) == KERNEL
    assert [(entry.address, entry.name) for entry in kernel.entries] == [
        (0x9000, "kernel"), (0x9040, "copied kernel"), (0x9080, "grub_main"),
    ]  # fmt: skip
    assert kernel.returns_never == (0x9080,)
    assert (kernel.sections[0].file_offset, found["module 1"].privilege) == (None, Privilege.FIRMWARE)
    assert all(section.file_offset is None for section in found["module 1"].sections)  # unpacked as well


def test_multiboot_headers_in_grub_do_not_hide_it() -> None:
    """GRUB's core can be booted by Multiboot too, and a disk has it within the first 8 KiB."""
    core = grub_core(multiboot_header(0x1_0000) + KERNEL)
    packed = core.replace(b"\xf4" * 12, multiboot_header(0x1_0000)[:12], 1)
    assert binary.detect(packed).name == "grub"  # type: ignore[union-attr]
    assert binary.detect(disk({0: grub_boot_sector(1), 1: packed})).name == "disk"  # type: ignore[union-attr]
    table = disk({0: boot_sector(rows=((0x83, 8, 8),)), 1: packed})
    assert binary.detect(table).name == "disk"  # type: ignore[union-attr]


def test_what_follows_a_lone_boot_sector_is_noted() -> None:
    (found,) = binary.read(with_block() + bytes(9000), "floppy.img")
    assert found.notes == ("What follows the boot sector is not read.",)


def test_a_core_that_is_not_there_is_noted() -> None:
    (loader,) = binary.read(grub_core(KERNEL)[: 512 + 0x60], "core.img")
    assert loader.notes == ("Its packed core could not be found.",)


@pytest.mark.parametrize(("segment", "address"), [(0, 0x7C00), (0x1000, 0x1_0000)])
def test_the_boot_image_of_a_cd_is_found(segment: int, address: int) -> None:
    (found,) = binary.read(compact_disc(b"\xfa\xf4", segment), "boot.iso")
    (code,) = found.sections
    assert (found.name, code.address, code.size, code.file_offset) == (
        "El Torito boot image", address, 2048, 20 * 2048,
    )  # fmt: skip
    assert (found.entries[0].address, found.entries[0].mode) == (address, 16)
