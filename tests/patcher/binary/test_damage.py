# SPDX-License-Identifier: GPL-2.0-or-later
"""Damaged files of every kind end in programs or in a sentence, and what is kept of them is bounded."""

from itertools import pairwise
from uuid import UUID

import pytest
from disk_images import Mz, boot_sector, compact_disc, disk, gpt, grub_boot_sector, grub_core, with_block
from executables import Elf
from firmware_files import (
    PE32,
    VOLUME,
    bios,
    efi_rom,
    firmware_file,
    flash,
    named,
    option_rom,
    packed,
    section,
    tiano,
)
from hypothesis import given
from hypothesis import strategies as st
from macho_files import Area as MachoArea
from macho_files import MachO, fat, main_at
from pe_files import Area, PeFile, te_file

from patcher import binary
from patcher.binary import Binary
from patcher.errors import PatcherError

PE = bytes(PeFile((Area(b"\xf4" * 64),), subsystem=11))
STARTS = (0x26, b"\xee" * 4 + b"\5\0\0\0", b"\x80\x08\0")
MACHO = bytes(MachO((MachoArea(b"\x90" * 64),), commands=(main_at(0x400), STARTS)))
EFI_ROM = efi_rom(tiano(PE.replace(b"\xff", b"\0")), 1)
FILES = {
    "te": te_file(b"\xf4" * 64),
    "flash": flash(firmware_file(packed(section(PE32, PE) + named("Driver"))), size=0x1000),
    "nested": flash(firmware_file(section(VOLUME, flash(size=0x200)))),
    "option ROM": option_rom(b"\xcb", pnp={0x16: 0x60}, pci=0, more=True) + EFI_ROM,
    "bios": bios(0x10000, {0x8000: option_rom(b"\xcb")}),
    "mach-o": MACHO,
    "fat": fat((0x0100_0007, MACHO)),
    "disk": disk({0: grub_boot_sector(1, ((0x83, 40, 8), (5, 20, 9))), 1: grub_core(b"\xf4" * 99, (bytes(Elf()),)),
                  20: boot_sector(b"", ((0x83, 2, 4), (5, 9, 9))), 40: with_block()}),
    "gpt": disk({0: boot_sector(rows=((0xEE, 1, 9),)), **gpt((UUID(int=5), 40)), 40: with_block()}),
    "core": grub_core(b"\xf4" * 99, (bytes(Elf()),)),
    "cd": compact_disc(b"\xf4"),
    "mz": bytes(Mz(b"\x90" * 64, relocations=((0, 9),))),
}  # fmt: skip
USED = {
    name: [at for at, byte in enumerate(data) if byte not in (0xF4, 0xFF)][:3000]
    for name, data in FILES.items()
}
"""Offsets worth damaging: not those of filling."""
UNPACKED = 33
"""Packed parts may take so many times the file's size."""


@pytest.mark.parametrize("name", FILES)
def test_the_file_is_read_when_it_is_whole(name: str) -> None:
    assert binary.read(FILES[name], name)


def outcome(data: bytes, name: str) -> tuple[Binary, ...]:
    """The programs in a file; none when there is a sentence, which must name the file."""
    try:
        return binary.read(data, name)
    except PatcherError as error:
        sentence = str(error)
    assert name in sentence
    return ()


@pytest.mark.parametrize("name", FILES)
@given(data=st.data())
def test_damage_ends_in_a_sentence(name: str, data: st.DataObject) -> None:
    file = bytearray(FILES[name])
    for _ in range(data.draw(st.integers(1, 6))):
        file[data.draw(st.sampled_from(USED[name]))] = data.draw(st.sampled_from([0, 1, 2, 0x7F, 0x80, 0xFF]))
    if data.draw(st.booleans()):
        del file[data.draw(st.integers(0, len(file) - 1)) :]
    found = outcome(bytes(file), "damaged")
    for part in found:
        assert all(low.end <= high.address for low, high in pairwise(part.sections))
    assert sum(len(s.data) for part in found for s in part.sections) <= UNPACKED * len(file)


@given(
    st.binary(max_size=2000),
    st.sampled_from([b"", b"MZ", b"VZ", b"\x55\xaa\x01", b"\xca\xfe\xba\xbe\0\0\0\2"]),
)
def test_noise_ends_in_a_sentence(noise: bytes, start: bytes) -> None:
    assert isinstance(outcome(start + noise, "noise"), tuple)
