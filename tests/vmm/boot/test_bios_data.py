# SPDX-License-Identifier: GPL-2.0-or-later
"""What a guest finds where a BIOS would have left its data, and what it must not find."""

from vmm.boot.bios_data import write_bios_data
from vmm.boot.memory_map import RESERVED, USABLE, memory_map


def word(ram: memoryview, offset: int) -> int:
    return int.from_bytes(ram[0x400 + offset : 0x402 + offset], "little")


def test_the_bios_data_area_describes_the_machine(ram: memoryview) -> None:
    write_bios_data(ram)
    assert [word(ram, offset) for offset in (0, 2, 4, 6)] == [0x3F8, 0, 0, 0]
    assert word(ram, 0x08) == 0, "no printer"
    assert (word(ram, 0x0E), word(ram, 0x13)) == (0x9FC0, 639)
    assert word(ram, 0x10) == 0x0222
    assert (ram[0x449], word(ram, 0x4A), word(ram, 0x63), ram[0x484]) == (3, 80, 0x3D4, 24)
    assert word(ram, 0x1A) == word(ram, 0x1C), "the keyboard buffer is empty"


def test_the_screen_is_blank_and_grey_on_black(ram: memoryview) -> None:
    write_bios_data(ram)
    assert bytes(ram[0xB_8000 : 0xB_8000 + 4000]) == b" \x07" * 2000
    assert not any(ram[0xB_8000 + 4000 : 0xC_0000])


def test_a_reset_leaves_nothing_of_what_the_guest_wrote(ram: memoryview) -> None:
    fresh = bytes(ram)
    write_bios_data(ram)
    first = bytes(ram)
    ram[0:0x500] = b"\xee" * 0x500
    ram[0x9_FC00:0xA_0000] = b"\xee" * 0x400
    ram[0xF_0000:0x10_0000] = b"\xee" * 0x1_0000
    write_bios_data(ram)
    assert bytes(ram) == first != fresh


def test_no_table_of_acpi_mp_or_smbios_kind_is_promised(ram: memoryview) -> None:
    write_bios_data(ram)
    low = bytes(ram[: 1 << 20])
    assert not [s for s in (b"RSD PTR ", b"_MP_", b"_SM_", b"_32_", b"$PnP", b"$PIR") if s in low]


def test_the_memory_map_has_no_gaps_that_hold_ram() -> None:
    rows = [(r.start, r.end, r.kind) for r in memory_map(32 << 20)]
    assert rows == [
        (0, 0x9_FC00, USABLE),
        (0x9_FC00, 0xA_0000, RESERVED),
        (0xF_0000, 0x10_0000, RESERVED),
        (0x10_0000, 0x200_0000, USABLE),
    ]
