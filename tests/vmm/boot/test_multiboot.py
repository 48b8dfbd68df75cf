# SPDX-License-Identifier: GPL-2.0-or-later
"""Multiboot 1: what the kernel finds in registers and behind EBX, and where everything lies."""

import struct
from dataclasses import dataclass
from pathlib import Path

import pytest
from executables import CODE, Elf, Part, multiboot_flat, multiboot_header

from vmm.boot import BootOptions, BootState, MissingFile, Module, load
from vmm.errors import VmmError

KERNEL = multiboot_flat(bss_end=0x10_2000)


def elf_kernel(
    vaddr: int = 0x10_0000, paddr: int | None = None, memsz: int = 0x2000, flags: int = 3
) -> bytes:
    return bytes(Elf((Part(multiboot_header(flags) + CODE, vaddr, paddr, memsz),), vaddr + 12))


@dataclass(frozen=True)
class Info:
    """The information structure, read as a kernel reads it."""

    ram: memoryview
    at: int

    def word(self, offset: int) -> int:
        return int.from_bytes(self.ram[self.at + offset : self.at + offset + 4], "little")

    def text(self, at: int) -> str:
        return bytes(self.ram[at : at + 4096]).split(b"\0")[0].decode()

    @property
    def modules(self) -> list[tuple[int, int, str]]:
        rows = self.ram[self.word(24) : self.word(24) + 16 * self.word(20)]
        return [(start, end, self.text(text)) for start, end, text, _ in struct.iter_unpack("<4I", rows)]


def boot(kernel: bytes, ram: memoryview, **options: object) -> tuple[BootState, Info]:
    state = load(kernel, "kernel", ram, BootOptions(**options))  # type: ignore[arg-type]
    return state, Info(ram, state.regs[3])


def test_the_first_state_is_the_specifications(ram: memoryview) -> None:
    state, info = boot(KERNEL, ram)
    assert (state.protocol, state.eip, state.regs[0], state.cr0) == ("multiboot", 0x10_0020, 0x2BADB002, 0x11)
    assert state.eflags & 0x2_0200 == 0
    assert bytes(ram[state.eip : state.eip + 3]) == CODE
    assert info.word(0) == 0b10_0100_1101
    assert (info.word(4), info.word(8)) == (639, 3 * 1024)
    assert info.text(info.word(16)) == "kernel"
    assert info.text(info.word(64)) == "patchvisor"


def test_the_descriptor_table_in_ram_holds_the_selectors(ram: memoryview) -> None:
    state, _ = boot(KERNEL, ram)
    base, limit = state.gdtr
    table = bytes(ram[base : base + limit + 1])
    assert table[state.cs : state.cs + 8].hex() == "ffff0000009bcf00"
    assert table[state.ds : state.ds + 8].hex() == "ffff00000093cf00"
    assert [(s.selector, s.base, s.limit) for s in state.segments] == [
        (selector, 0, 0xFFFF_FFFF) for selector in (0x10, 0x08, 0x10, 0x10, 0x10, 0x10)
    ]


def test_the_memory_map_is_in_entries_of_20_bytes_behind_their_size(ram: memoryview) -> None:
    _, info = boot(KERNEL, ram)
    at, size = info.word(48), info.word(44)
    rows = list(struct.iter_unpack("<IQQI", ram[at : at + size]))
    assert rows == [
        (20, 0, 0x9_FC00, 1),
        (20, 0x9_FC00, 0x400, 2),
        (20, 0xF_0000, 0x1_0000, 2),
        (20, 0x10_0000, 0x30_0000, 1),
    ]


def test_the_command_line_begins_with_the_kernels_name(ram: memoryview) -> None:
    _, info = boot(KERNEL, ram, append="console=com0 -v")
    assert info.text(info.word(16)) == "kernel console=com0 -v"


def test_modules_lie_page_aligned_behind_the_kernel(ram: memoryview, tmp_path: Path) -> None:
    first, second = tmp_path / "a.bin", tmp_path / "b,c"
    first.write_bytes(b"A" * 5000)
    second.write_bytes(b"B")
    named = f"{first} --flag x,{str(second).replace(',', ',,')}"
    _, info = boot(KERNEL, ram, initrd=named, modules=(Module(b"M", "given"),))
    assert info.modules == [
        (0x10_2000, 0x10_2001, "given"),
        (0x10_3000, 0x10_3000 + 5000, f"{first} --flag x"),
        (0x10_5000, 0x10_5001, str(second)),
    ]
    assert bytes(ram[0x10_3000 : 0x10_3000 + 5001]) == b"A" * 5000 + b"\0"


def test_modules_go_below_a_kernel_at_the_top(ram: memoryview) -> None:
    _, info = boot(multiboot_flat(load=0x3F_F000), ram, initrd=b"M" * 8192)
    assert [row[:2] for row in info.modules] == [(0x10_0000, 0x10_2000)]


def test_information_avoids_a_kernel_in_low_memory(ram: memoryview) -> None:
    kernel = multiboot_flat(load=0x1000, bss_end=0x9_0000)
    state, info = boot(kernel, ram, append="x")
    assert bytes(ram[0x1000 : 0x1000 + len(kernel)]) == kernel
    assert min(info.at, info.word(16), info.word(48), state.gdtr[0], state.regs[4] - 4096) >= 0x9_0000


def test_an_elf_kernel_is_entered_at_its_physical_address(ram: memoryview) -> None:
    state, _ = boot(elf_kernel(0xC010_0000, 0x10_0000), ram)
    assert state.eip == 0x10_000C
    assert bytes(ram[0x10_000C:0x10_000F]) == CODE


def test_bss_is_cleared(ram: memoryview) -> None:
    ram[0x10_0000:0x10_4000] = b"\xee" * 0x4000
    boot(elf_kernel(memsz=0x3000), ram)
    assert not any(ram[0x10_000F:0x10_3000])
    assert ram[0x10_3000] == 0xEE


def test_a_video_mode_request_is_answered_with_what_there_is(ram: memoryview) -> None:
    _, info = boot(multiboot_flat(flags=0x1_0007, video=(0, 1024, 768, 32)), ram)
    assert info.word(0) & 1 << 12
    screen = struct.unpack_from("<QIIIBB", ram, info.at + 88)
    assert screen == (0xB_8000, 160, 80, 25, 16, 2)


def test_memory_can_be_told_smaller_than_it_is(ram: memoryview) -> None:
    _, info = boot(KERNEL, ram, memory=3 << 20)
    assert info.word(8) == 2 * 1024


BAD = {
    "undefined mandatory feature": (
        multiboot_flat(flags=0x1_0008),
        "The Multiboot header of kernel demands features 0x0008, which are not defined.",
    ),
    "header without a kernel": (
        multiboot_header(0),
        "kernel is truncated: 12 bytes do not hold an ELF header.",
    ),
    "bss past RAM": (
        multiboot_flat(bss_end=0xFFFF_F000),
        "The Multiboot image of kernel (0xffeff000 bytes at guest-physical 0x00100000) "
        "reaches past the guest's 4 MiB of RAM.",
    ),
    "ELF segment past RAM": (
        elf_kernel(memsz=0x100_0000),
        "Program header 0 of kernel (0x1000000 bytes at guest-physical 0x00100000) "
        "reaches past the guest's 4 MiB of RAM.",
    ),
    "into the video area": (
        elf_kernel(0xA_0000),
        "Program header 0 of kernel (guest-physical [0x000a0000, 0x000a2000)) overlaps "
        "the video and BIOS area ([0x0009fc00, 0x00100000)).",
    ),
    "64-bit kernel": (
        bytes(Elf((Part(multiboot_header(3) + CODE),), 0x10_000C, machine=62, bits=64)),
        "kernel is an ELF file for x86-64; only 32-bit kernels can be booted.",
    ),
    "zero entry": (
        bytes(Elf((Part(multiboot_header(3) + CODE),), entry=0)),
        "The entry point 0x00000000 of kernel is outside everything that it loads.",
    ),
}


@pytest.mark.parametrize(("kernel", "sentence"), BAD.values(), ids=BAD)
def test_a_bad_kernel_gets_a_sentence(ram: memoryview, kernel: bytes, sentence: str) -> None:
    with pytest.raises(VmmError) as caught:
        boot(kernel, ram)
    assert str(caught.value) == sentence


def test_modules_too_large_get_a_sentence(ram: memoryview, tmp_path: Path) -> None:
    with pytest.raises(VmmError) as caught:
        boot(KERNEL, ram, initrd=b"M" * (3 << 20))
    assert str(caught.value) == (
        "There is no room for module 0 of kernel (0x300000 bytes) in guest-physical [0x00100000, 0x00400000)."
    )
    big = tmp_path / "big"
    big.write_bytes(b"M" * ((4 << 20) + 1))
    with pytest.raises(VmmError) as caught:
        boot(KERNEL, ram, initrd=f"{big} args")
    assert str(caught.value) == f"{big} does not fit into the guest's 4 MiB of RAM."


def test_a_missing_module_is_told_by_name(ram: memoryview) -> None:
    with pytest.raises(MissingFile, match=r"^/no/such cannot be read: No such file or directory\.$"):
        boot(KERNEL, ram, initrd="/no/such with arguments")
