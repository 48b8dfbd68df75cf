# SPDX-License-Identifier: GPL-2.0-or-later
"""UEFI flash images, TE images, option ROMs and BIOS images: which programs they hold, in which mode, and where."""

import pytest
from firmware_files import (
    PE32,
    RAW,
    TE,
    TIANO,
    VOLUME,
    bios,
    efi_rom,
    firmware_file,
    flash,
    guided,
    named,
    option_rom,
    packed,
    section,
    tiano,
    volume,
)
from pe_files import Area, PeFile, te_file

from patcher import binary
from patcher.binary import Binary, Origin, Privilege
from patcher.binary.part import Part
from patcher.binary.tiano import unpack_tiano
from patcher.errors import PatcherError

CODE = Area(b"\xf4" * 0x40)
PE_32 = bytes(PeFile((CODE,), subsystem=11))
PE_64 = bytes(PeFile((CODE,), bits=64, subsystem=11))


def read(data: bytes) -> dict[str, Binary]:
    return {found.name: found for found in binary.read(data, "flash.fd")}


def entries(found: Binary) -> list[tuple[int, int, str]]:
    return [(entry.address, entry.mode, entry.name) for entry in found.entries]


def test_a_te_images_addresses_count_from_the_headers_it_lost() -> None:
    data = te_file(b"\xf4" * 16, entry=0x408)
    (found,) = binary.read(data, "SecMain.te")
    (text,) = found.sections
    assert (found.format, found.mode, found.privilege) == ("te", 32, Privilege.FIRMWARE)
    assert (text.address, bytes(text.data), text.file_offset) == (0xFFFF_0400, b"\xf4" * 16, 80)
    assert entries(found) == [(0xFFFF_0408, 32, "entry point")]


def test_modules_of_a_volume_are_programs_by_their_own_names() -> None:
    first = firmware_file(section(PE32, PE_32) + named("Driver") + section(RAW, bytes(8)))
    second = firmware_file(section(TE, te_file(b"\xf4")))
    found = read(volume(first, second))
    assert list(found) == ["Driver", "00000000-0000-0000-0000-000000001234"]
    assert found["Driver"].sections[0].file_offset == 72 + 24 + 4 + 0x400


def test_sections_are_aligned_to_4_bytes_and_files_to_8() -> None:
    odd = firmware_file(named("Even") + section(PE32, PE_32 + bytes(3)) + section(RAW, bytes(8)))
    assert list(read(volume(firmware_file(section(RAW, bytes(8))), odd))) == ["Even"]


def test_names_used_twice_get_a_number() -> None:
    file = firmware_file(section(PE32, PE_32) + named("Driver"))
    assert list(read(volume(file, file))) == ["Driver", "Driver #2"]


@pytest.mark.parametrize("wrap", [packed, lambda data: guided(TIANO, tiano(data.replace(b"\xff", b"\0"), 5))])
def test_what_is_packed_is_read_in_its_own_mode_and_has_no_place_in_the_file(wrap) -> None:  # type: ignore[no-untyped-def]
    inner = volume(firmware_file(section(PE32, PE_64) + named("Dxe"))).replace(b"\xff", b"\xfd")
    found = read(volume(firmware_file(wrap(section(VOLUME, inner)), 0x0B)))
    assert list(found) == ["Dxe"]
    assert (found["Dxe"].mode, found["Dxe"].sections[0].file_offset) == (64, None)


def test_a_guided_section_that_needs_no_processing_is_looked_into() -> None:
    inner = guided(TIANO.__class__(int=7), section(PE32, PE_32) + named("Signed"), attributes=0)
    assert list(read(volume(firmware_file(inner)))) == ["Signed"]


def test_the_reset_vector_is_16_bit_code_below_4_gib() -> None:
    found = read(flash(firmware_file(section(PE32, PE_32) + named("SecMain"))))
    assert list(found) == ["SecMain", "reset vector"]
    (code,) = found["reset vector"].sections
    assert (code.address, code.mode, code.file_offset) == (0xFFFF_FFE0, 16, 0x2000 - 32)
    assert entries(found["reset vector"]) == [(0xFFFF_FFF0, 16, "reset vector")]


def test_a_volume_of_variables_has_no_programs() -> None:
    assert read(volume(bytes(100), guid=TIANO)) == {}


def test_an_option_rom_in_a_raw_section_is_found() -> None:
    found = read(volume(firmware_file(section(RAW, option_rom(b"\xcb")) + named("Video"))))
    assert entries(found["Video"]) == [(0xC_0003, 16, "initialization entry")]


def test_a_damaged_module_costs_itself_only() -> None:
    bad, good = bytearray(PE_32), firmware_file(section(PE32, PE_32) + named("Good"))
    bad[64 + 4 : 64 + 6] = b"\x64\xaa"
    found = read(volume(firmware_file(section(PE32, bytes(bad)) + named("Bad")), good))
    assert list(found) == ["Good"]
    assert found["Good"].notes == ("Bad: flash.fd is a PE file for AArch64 (machine 0xaa64), not for x86.",)


def test_a_bomb_is_refused() -> None:
    with pytest.raises(
        PatcherError, match=r"^What is packed in flash\.fd is more than 0x[0-9a-f]+ bytes in one"
    ):
        read(volume(firmware_file(packed(bytes(1 << 22)))))


def test_volumes_inside_volumes_end_somewhere() -> None:
    data = volume(firmware_file(section(PE32, PE_32) + named("Deep")))
    for _ in range(30):
        data = volume(firmware_file(section(VOLUME, data), 0x0B))
    assert read(data) == {}


@pytest.mark.parametrize("field", [4, 5])
@pytest.mark.parametrize("data", [b"abcabcabcX" * 4, b"aaaaXbababaXabcdabcdX" * 2, bytes(range(254)) * 3])
def test_tiano_is_unpacked(data: bytes, field: int) -> None:
    assert unpack_tiano(Part(memoryview(tiano(data, field)), "x"), 1000, field) == data


@pytest.mark.parametrize("field", [4, 5])
def test_the_other_width_is_tried_too(field: int) -> None:
    data = b"aaaaXbababaXabcdabcdX" * 2
    assert unpack_tiano(Part(memoryview(tiano(data, field)), "x"), 1000, 9 - field) == data


def test_tiano_ends_in_a_sentence() -> None:
    data = bytearray(tiano(b"abcabcabcX" * 20))
    with pytest.raises(
        PatcherError, match=r"^A compressed part of x claims 0xc8 bytes, and 0x10 are allowed\.$"
    ):
        unpack_tiano(Part(memoryview(data), "x"), 0x10)
    data[10:13] = b"\xff\xff\xff"
    with pytest.raises(PatcherError, match=r"^A compressed part of x is damaged: .*\.$"):
        unpack_tiano(Part(memoryview(data), "x"), 1000)


def test_option_roms_are_entered_by_init_and_by_plug_and_play_vectors() -> None:
    (found,) = binary.read(option_rom(b"\xcb", pnp={0x16: 0x60, 0x1A: 0x70}), "vga.rom")
    assert (found.format, found.mode, found.privilege) == ("option-rom", 16, Privilege.FIRMWARE)
    assert entries(found) == [
        (0xC_0003, 16, "initialization entry"),
        (0xC_0060, 16, "boot connection vector"),
        (0xC_0070, 16, "bootstrap entry vector"),
    ]
    assert found.entries[0].origin is Origin.PROTOCOL


@pytest.mark.parametrize("method", [0, 1])
def test_an_option_roms_image_for_efi_is_a_pe_file(method: int) -> None:
    image = tiano(PE_64.replace(b"\xff", b"\0")) if method else PE_64
    data = option_rom(b"\xcb", pci=0, more=True) + efi_rom(image, method)
    legacy, efi = binary.read(data, "nic.rom")
    assert (legacy.format, legacy.mode) == ("option-rom", 16)
    assert (efi.format, efi.mode, efi.name) == ("pe", 64, "image at 0x200")
    assert efi.sections[0].file_offset == (None if method else 0x200 + 0x60 + 0x400)


def test_a_bios_ends_at_1_mib_and_keeps_the_pcs_entry_points() -> None:
    (found,) = binary.read(bios(), "bios.bin")
    assert [(s.address, s.size, s.mode) for s in found.sections] == [
        (0xE_0000, 0x10000, 32),
        (0xF_0000, 0x10000, 16),
    ]
    expected = {(0xF_E05B, "power-on self-test"), (0xF_E739, "int 14h"), (0xF_FFF0, "reset vector")}
    assert expected <= {(address, name) for address, _, name in entries(found)}
    assert {entry.mode for entry in found.entries} == {16}


def test_another_bios_is_entered_where_reset_goes() -> None:
    (found,) = binary.read(bios(code={16: b"\xea\x00\x10\x00\xf0"}), "bios.bin")
    assert entries(found) == [(0xF_1000, 16, "power-on self-test"), (0xF_FFF0, 16, "reset vector")]


def test_a_large_bios_lies_below_4_gib_too() -> None:
    (found,) = binary.read(bios(0x10_0000), "bios.bin")
    assert [(s.address, s.file_offset) for s in found.sections] == [
        (0xE_0000, 0xE_0000), (0xF_0000, 0xF_0000), (0xFFF0_0000, 0),
    ]  # fmt: skip


def test_bios_services_and_stored_option_roms_are_found() -> None:
    service = bytearray(b"_32_" + (0xF_1234).to_bytes(4, "little") + b"\0\1" + bytes(6))
    service[10] = -sum(service) & 0xFF
    data = bios(code={0x8000: bytes(service), 0x20000: option_rom(b"\xcb")})
    found, rom = binary.read(data, "bios.bin")
    assert (0xF_1234, 32, "BIOS32 services") in entries(found)
    assert (rom.name, rom.sections[0].file_offset) == ("option ROM at 0x0", 0)
