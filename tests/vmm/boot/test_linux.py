# SPDX-License-Identifier: GPL-2.0-or-later
"""The Linux 32-bit boot protocol: boot_params, command line, initial RAM disk, and every refusal."""

import struct
from pathlib import Path

import pytest
from executables import BzImage

from vmm.boot import BootOptions, BootState, Module, load
from vmm.errors import VmmError

KERNEL = BzImage(b"\xeb\xfe" + b"K" * 510, version=0x20F, cmdline_size=64, init_size=0x10_0000)


def boot(kernel: BzImage, ram: memoryview, **options: object) -> BootState:
    return load(bytes(kernel), "vmlinuz", ram, BootOptions(**options))  # type: ignore[arg-type]


def params(state: BootState, ram: memoryview) -> bytes:
    return bytes(ram[state.regs[6] : state.regs[6] + 4096])


def field(page: bytes, offset: int, size: int = 4) -> int:
    return int.from_bytes(page[offset : offset + size], "little")


def test_the_first_state_is_the_protocols(ram: memoryview) -> None:
    state = boot(KERNEL, ram)
    _, _, _, ebx, _, ebp, esi, edi = state.regs
    assert (state.protocol, state.eip, state.cs, state.ds) == ("linux", 0x10_0000, 0x10, 0x18)
    assert (ebx, ebp, edi, esi % 4096) == (0, 0, 0, 0)
    assert bytes(ram[0x10_0000:0x10_0200]) == KERNEL.payload
    base, limit = state.gdtr
    assert bytes(ram[base : base + limit + 1]).hex() == "00" * 16 + "ffff0000009bcf00" + "ffff00000093cf00"


def test_boot_params_hold_the_header_and_what_the_setup_code_would_have_asked_for(ram: memoryview) -> None:
    page = params(boot(KERNEL, ram), ram)
    assert page[0x1F1:0x206] == bytes(KERNEL)[0x1F1:0x206]
    assert (field(page, 0x206, 2), page[0x210], page[0x211], field(page, 0x214)) == (
        0x20F,
        0xFF,
        1,
        0x10_0000,
    )
    assert (field(page, 0x1E0), field(page, 0x002, 2)) == (3 * 1024, 3 * 1024)
    assert (page[6], page[7], page[0xE], page[0xF], field(page, 0x10, 2)) == (3, 80, 25, 1, 16)
    assert page[0x1EF] == 0, "the sentinel says that boot_params were cleared"
    assert field(page, 0x070, 8) == 0, "no ACPI"


def test_the_memory_map_is_e820s(ram: memoryview) -> None:
    page = params(boot(KERNEL, ram), ram)
    rows = list(struct.iter_unpack("<QQI", page[0x2D0 : 0x2D0 + 20 * page[0x1E8]]))
    assert rows == [
        (0, 0x9_FC00, 1),
        (0x9_FC00, 0x400, 2),
        (0xF_0000, 0x1_0000, 2),
        (0x10_0000, 0x30_0000, 1),
    ]


def test_memory_past_64_mib_is_told_by_the_wide_field() -> None:
    ram = memoryview(bytearray(80 << 20))
    page = params(boot(KERNEL, ram), ram)
    assert (field(page, 0x002, 2), field(page, 0x1E0)) == (0xFFFF, 79 * 1024)


def test_the_command_line_is_where_boot_params_say(ram: memoryview) -> None:
    at = field(params(boot(KERNEL, ram, append="console=ttyS0 quiet"), ram), 0x228)
    assert bytes(ram[at : at + 20]) == b"console=ttyS0 quiet\0"
    assert at < 0x9_FC00


@pytest.mark.parametrize(
    ("limit", "start"),
    [(0x7FFF_FFFF, 0x3F_D000), (0x2F_F344, 0x2F_D000), (0x2F_F343, 0x2F_C000)],
)
def test_the_initrd_is_as_high_as_kernel_and_ram_allow(
    ram: memoryview, tmp_path: Path, limit: int, start: int
) -> None:
    file = tmp_path / "initrd.img"
    file.write_bytes(b"I" * 0x2345)
    kernel = BzImage(initrd_addr_max=limit)
    for initrd in (str(file), file.read_bytes()):
        page = params(boot(kernel, ram, initrd=initrd), ram)
        assert (field(page, 0x218), field(page, 0x21C)) == (start, 0x2345)
        assert bytes(ram[start : start + 0x2346]) == b"I" * 0x2345 + b"\0"


def test_a_relocatable_kernel_unpacks_itself_at_its_preferred_address(ram: memoryview) -> None:
    """Nothing may lie there; here the RAM disk has to go below."""
    kernel = BzImage(relocatable=1, pref_address=0x20_0000, init_size=0x1F_F000)
    page = params(boot(kernel, ram, initrd=b"I" * 0x2000), ram)
    assert field(page, 0x218) == 0x1F_E000


BAD = {
    "too little memory": (
        BzImage(pref_address=0x100_0000, init_size=0x100_C000, relocatable=1),
        {},
        "vmlinuz needs 33 MiB of RAM to unpack itself, and the guest has 4 MiB.",
    ),
    "kernel past RAM": (
        BzImage(code32_start=0x3F_FF00),
        {},
        "The kernel of vmlinuz (0x200 bytes at guest-physical 0x003fff00) "
        "reaches past the guest's 4 MiB of RAM.",
    ),
    "command line too long": (
        KERNEL,
        {"append": "x" * 65},
        "The command line has 65 bytes, and vmlinuz takes 64.",
    ),
    "initrd too large": (
        KERNEL,
        {"initrd": b"I" * (2 << 20 | 1)},
        "There is no room for the initial RAM disk of vmlinuz (0x200001 bytes) "
        "in guest-physical [0x00100000, 0x00400000).",
    ),
    "initrd below a limit that is too low": (
        BzImage(initrd_addr_max=0x1000),
        {"initrd": b"I"},
        "There is no room for the initial RAM disk of vmlinuz (0x1 bytes) "
        "in guest-physical [0x00100000, 0x00001001).",
    ),
    "modules": (
        KERNEL,
        {"modules": (Module(b"M"),)},
        "vmlinuz is booted as Linux, which knows no modules, only an initial RAM disk.",
    ),
    "setup sectors beyond the file": (
        BzImage(payload=b"", setup_sects=255, syssize=1),
        {},
        "vmlinuz is no bzImage that can be booted: its setup code ends at file offset 0x20000 "
        "and the file at 0x20000.",
    ),
}


@pytest.mark.parametrize(("kernel", "options", "sentence"), BAD.values(), ids=BAD)
def test_what_cannot_be_booted_gets_a_sentence(
    ram: memoryview, kernel: BzImage, options: dict[str, object], sentence: str
) -> None:
    with pytest.raises(VmmError) as caught:
        boot(kernel, ram, **options)
    assert str(caught.value) == sentence


def test_an_initrd_file_larger_than_ram_is_not_read_whole(ram: memoryview) -> None:
    with pytest.raises(VmmError, match=r"^/dev/zero does not fit into the guest's 4 MiB of RAM\.$"):
        boot(KERNEL, ram, initrd="/dev/zero")
