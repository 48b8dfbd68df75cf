# SPDX-License-Identifier: GPL-2.0-or-later
"""DOS programs, and bytes without headers."""

import struct

import pytest
from disk_images import Mz

from patcher import binary
from patcher.binary import Origin, Privilege
from patcher.binary.raw import read_com, read_raw
from patcher.errors import PatcherError


def test_a_dos_program_lies_at_address_0_and_is_entered_at_cs_ip() -> None:
    (found,) = binary.read(bytes(Mz(b"\x90" * 0x40, entry=(2, 4))), "prog.exe")
    (code,) = found.sections
    assert (found.format, found.mode, found.privilege) == ("mz", 16, Privilege.KERNEL)
    assert (code.address, code.size, code.file_offset) == (0, 0x40, 0x20)
    assert [(e.address, e.mode, e.origin) for e in found.entries] == [(0x24, 16, Origin.ENTRY)]


def test_relocated_segments_are_fields_and_with_their_offset_pointers() -> None:
    code = b"\x9a" + struct.pack("<HH", 8, 2) + b"\x90" * 0x40
    (found,) = binary.read(bytes(Mz(code, relocations=((0, 3), (0x1000, 0)))), "prog.exe")
    assert (found.fields, found.pointers) == ((3,), (0x28,))


def test_an_entry_outside_the_file_is_noted() -> None:
    (found,) = binary.read(bytes(Mz(entry=(0x100, 0))), "prog.exe")
    assert (found.entries, found.notes) == ((), ("The entry point 0100:0000 is outside the file.",))


@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        (
            Mz(newer=b"NE" + bytes(62)),
            "bad.exe is a program for 16-bit Windows or OS/2 (NE), which is not read.",
        ),
        (
            Mz(newer=b"LE" + bytes(62)),
            "bad.exe is a program for OS/2 or a Windows VxD (LE), which is not read.",
        ),
        (
            Mz(pages=9),
            "bad.exe is no DOS program that can be loaded: its code is at [0x20, 0x1024) and the file has 0x24 bytes.",
        ),
    ],
)
def test_other_programs_get_a_sentence(file: Mz, sentence: str) -> None:
    with pytest.raises(PatcherError) as caught:
        binary.read(bytes(file), "bad.exe")
    assert str(caught.value) == sentence


def test_a_com_program_starts_at_offset_100h() -> None:
    found = read_com(b"\xc3", "tiny.com")
    assert (found.format, found.mode, found.entries[0].address, found.sections[0].address) == (
        "com",
        16,
        0x100,
        0x100,
    )
    with pytest.raises(PatcherError, match=r"^big\.com has 65281 bytes; a \.COM program has 1 to 65280\.$"):
        read_com(bytes(0xFF01), "big.com")


@pytest.mark.parametrize("mode", [16, 32, 64])
def test_raw_bytes_take_their_mode_and_address(mode: int) -> None:
    found = read_raw(b"\x90\xf4", "code.bin", mode, 0x7C00, entry=0x7C01)
    assert (found.format, found.mode, found.privilege) == ("raw", mode, Privilege.UNKNOWN)
    assert [(e.address, e.mode, e.origin) for e in found.entries] == [(0x7C01, mode, Origin.ENTRY)]
    assert read_raw(b"\x90", "code.bin", mode, 0).entries[0].address == 0


@pytest.mark.parametrize(
    ("data", "mode", "base", "entry", "sentence"),
    [
        (b"x", 31, 0, None, "code.bin cannot be read in mode 31: the modes are 16, 32 and 64."),
        (b"", 32, 0, None, "code.bin is empty."),
        (
            b"xx",
            32,
            0xFFFF_FFFF,
            None,
            "code.bin (2 bytes) does not fit at address 0xffffffff in 32-bit mode.",
        ),
        (b"xx", 32, -1, None, "code.bin (2 bytes) does not fit at address -0x1 in 32-bit mode."),
        (b"xx", 64, 0x1000, 0, "The entry point 0x0 of code.bin is outside [0x1000, 0x1002)."),
        (b"xx", 16, 0, 2, "The entry point 0x2 of code.bin is outside [0x0, 0x2)."),
    ],
)
def test_raw_bytes_out_of_place_get_a_sentence(
    data: bytes, mode: int, base: int, entry: int | None, sentence: str
) -> None:
    with pytest.raises(PatcherError) as caught:
        read_raw(data, "code.bin", mode, base, entry)
    assert str(caught.value) == sentence
