# SPDX-License-Identifier: GPL-2.0-or-later
"""The registry: formats are told by contents, every file is at least flat, and nothing is claimed twice."""

from contextlib import suppress

import pytest
from executables import BzImage, Elf, multiboot_flat
from hypothesis import given
from hypothesis import strategies as st

from patcher import image
from patcher.errors import PatcherError
from patcher.image.flat import read_flat

SAMPLES = {
    "linux": bytes(BzImage()),
    "multiboot": multiboot_flat(),
    "elf": bytes(Elf()),
    "flat": b"\xf4",
}


@pytest.mark.parametrize("name", SAMPLES)
def test_a_format_is_told_by_contents(name: str) -> None:
    assert image.detect(SAMPLES[name]).name == name
    assert image.read(SAMPLES[name], "file").format == name


def test_every_format_of_the_folder_is_registered_once() -> None:
    assert [form.name for form in image.formats()] == ["linux", "multiboot", "elf", "flat"]


def test_an_empty_file_is_refused() -> None:
    with pytest.raises(PatcherError, match=r"^empty\.bin is empty\.$"):
        image.read(b"", "empty.bin")


@given(st.binary(min_size=1, max_size=600))
def test_any_bytes_have_a_format(data: bytes) -> None:
    with suppress(PatcherError):
        assert image.read(data, "noise").segments


def test_a_flat_binary_takes_its_address_and_mode() -> None:
    read = read_flat(b"\x90\xf4", "boot.bin", 0x7C00, 16, entry=0x7C01)
    assert (read.mode, read.entry, read.segments[0].load, read.segments[0].size) == (16, 0x7C01, 0x7C00, 2)


@pytest.mark.parametrize(
    ("address", "mode", "entry", "sentence"),
    [
        (0, 31, None, "flat.bin cannot be read in mode 31: the modes are 16, 32 and 64."),
        (0xFFFF_FFFF, 32, None, "flat.bin (2 bytes) does not fit at address 0xffffffff in 32-bit mode."),
        (-1, 32, None, "flat.bin (2 bytes) does not fit at address -0x1 in 32-bit mode."),
        (0x1000, 32, 0, "The entry point 0x00000000 of flat.bin is outside [0x00001000, 0x00001002)."),
    ],
)
def test_a_flat_binary_out_of_place_gets_a_sentence(
    address: int, mode: int, entry: int | None, sentence: str
) -> None:
    with pytest.raises(PatcherError) as caught:
        read_flat(b"\x90\xf4", "flat.bin", address, mode, entry)
    assert str(caught.value) == sentence
