# SPDX-License-Identifier: GPL-2.0-or-later
"""Option ROMs: code on adapters that the firmware copies to below 1 MiB and calls.

PCI Firmware Specification 3.0, section 5.1 (the PCI data structure and its images); BIOS Boot Specification
1.01, section 3.3 (the Plug and Play expansion header). An image for EFI holds a PE file, mostly packed.
"""

from collections.abc import Iterator

from patcher.binary.gathering import Gathering
from patcher.binary.model import Binary, Origin, Privilege, Reader, Section
from patcher.binary.part import Part
from patcher.binary.pe import read_pe_part
from patcher.binary.tiano import unpack_tiano
from patcher.errors import PatcherError

MAGIC = b"\x55\xaa"
UNIT = 512
INIT = 3
"""Offset of the initialization entry."""
BASE = 0xC_0000
"""Where the first option ROM, the video BIOS, goes; every one sees its own first byte at offset 0 of CS."""
EFI_CODE = 3
EFI_MAGIC = 0x0EF1
LIMIT = 32
"""What is unpacked takes at most so many times the image's size."""
VECTORS = {0x16: "boot connection vector", 0x18: "disconnect vector", 0x1A: "bootstrap entry vector",
           0x1E: "static resource vector"}  # fmt: skip
"""Offsets in the Plug and Play header of offsets of code."""


def is_option_rom(data: bytes | memoryview) -> bool:
    """Whether bytes begin as an option ROM that is wholly there."""
    if len(data) < UNIT or bytes(data[:2]) != MAGIC:
        return False
    return 0 < data[2] * UNIT <= len(data) + UNIT - 1 and (
        data[INIT] != 0 or _pci(memoryview(data)) is not None
    )


def _pci(data: memoryview) -> int | None:
    """Offset of the PCI data structure, if there is one."""
    at = int.from_bytes(data[0x18:0x1A], "little")
    inside = 0x1A <= at <= len(data) - 0x18
    return at if inside and bytes(data[at : at + 4]) == b"PCIR" else None


def option_roms(part: Part, place: str = "") -> Iterator[Binary]:
    """Every image of an option ROM."""
    at = 0
    while is_option_rom(part.data[at:]):
        here = Part(part.data[at:], part.name, part.place(at))
        pci = _pci(here.data)
        size = (
            here.data[2] * UNIT
            if pci is None
            else int.from_bytes(here.data[pci + 16 : pci + 18], "little") * UNIT
        )
        size = min(size or here.data[2] * UNIT, len(here))
        label = place if not at else f"{place} image at {at:#x}".strip()
        kind = 0 if pci is None else here.data[pci + 20]
        image = here.inner(0, size, "an option ROM's image")
        yield _efi(image, label) if kind == EFI_CODE else _legacy(image, label)
        at += size
        if pci is None or here.data[pci + 21] & 0x80:
            return


def _legacy(part: Part, place: str) -> Binary:
    rom = Section("option ROM", BASE, part.data, len(part), True, False, 16, part.offset)
    found = Gathering("option-rom", 16, Privilege.FIRMWARE, [rom])
    found.enter(BASE + INIT, Origin.PROTOCOL, "initialization entry")
    header = int.from_bytes(part.data[0x1A:0x1C], "little")
    if bytes(part.data[header : header + 4]) == b"$PnP" and header + 0x20 <= len(part):
        for at, name in VECTORS.items():
            vector = part.number("H", header + at, "the Plug and Play header")
            if vector:
                found.enter(BASE + vector, Origin.PROTOCOL, name)
    return found.binary(place, part.name)


def _efi(part: Part, place: str) -> Binary:
    """UEFI Specification 2.10, section 14.4.2, "PCI Option ROMs"."""
    signature, packed, start = part.numbers("I4xH8xH", 4, "the header of an EFI option ROM")
    if signature != EFI_MAGIC:
        raise PatcherError(
            f"The EFI option ROM in {part.name} has the signature {signature:#x}, not {EFI_MAGIC:#x}."
        )
    inner = part.inner(start, len(part) - start, "the image of an EFI option ROM")
    if packed > 1:
        raise PatcherError(f"The EFI option ROM in {part.name} is packed by the unknown method {packed}.")
    if packed:
        inner = Part(memoryview(unpack_tiano(inner, LIMIT * len(part))), part.name, None)
    return read_pe_part(inner, place)


def read_option_rom(data: bytes, name: str) -> tuple[Binary, ...]:
    """Every image of a file that is an option ROM."""
    return tuple(option_roms(Part(memoryview(data), name)))


READER = Reader("option-rom", rank=64, matches=is_option_rom, read=read_option_rom)
