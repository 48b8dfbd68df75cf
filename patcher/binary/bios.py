# SPDX-License-Identifier: GPL-2.0-or-later
"""BIOS images of the IBM PC kind: 16-bit code that ends at 1 MiB, where the reset vector jumps to it.

The entry points at fixed addresses are those of the IBM PC/AT Technical Reference, which programs called
directly; "_32_" is the Standard BIOS 32-bit Service Directory, "$PnP" the Plug and Play BIOS Specification
1.0A, section 4.4.
"""

from collections.abc import Iterator

from patcher.binary.gathering import Gathering
from patcher.binary.model import Binary, Origin, Privilege, Reader, Section
from patcher.binary.option_rom import MAGIC as ROM_MAGIC
from patcher.binary.option_rom import is_option_rom, option_roms
from patcher.binary.part import Part

ONE_MIB, FOUR_GIB, SEGMENT = 1 << 20, 1 << 32, 1 << 16
F_SEGMENT = 0xF_0000
LARGEST = 1 << 24
LOW = 1 << 18
"""An image up to this size lies below 1 MiB as a whole; of a larger one the last 128 KiB do."""
VECTOR = 16
POST = 0xE05B
FIXED = {
    0xE05B: "power-on self-test", 0xE2C3: "NMI", 0xE3FE: "int 13h", 0xE6F2: "int 19h", 0xE739: "int 14h",
    0xE82E: "int 16h", 0xE987: "int 09h", 0xEC59: "int 40h", 0xEF57: "int 0Eh", 0xEFD2: "int 17h", 0xF065: "int 10h",
    0xF841: "int 12h", 0xF84D: "int 11h", 0xF859: "int 15h", 0xFE6E: "int 1Ah", 0xFEA5: "int 08h",
    0xFF53: "dummy interrupt handler", 0xFF54: "int 05h", 0xFFF0: "reset vector",
}  # fmt: skip
"""Offsets in segment F000 of the PC/AT's entry points. A BIOS whose reset goes to the PC's POST keeps them."""
ROM_STEP = 0x800


def is_bios(data: bytes | memoryview) -> bool:
    """Whole segments, with a far jump to segment F000 in the last 16 bytes."""
    tail = bytes(data[-VECTOR:])
    return (
        0 < len(data) <= LARGEST
        and len(data) % SEGMENT == 0
        and tail[:1] == b"\xea"
        and tail[3:5] == b"\0\xf0"
    )


def read_bios_part(part: Part, place: str = "") -> Binary:
    """The BIOS itself."""
    found = Gathering("bios", 16, Privilege.FIRMWARE, list(_sections(part)))
    found.enter(ONE_MIB - VECTOR, Origin.PROTOCOL, "reset vector")
    post = int.from_bytes(part.data[-VECTOR + 1 : -VECTOR + 3], "little")
    found.enter(F_SEGMENT + post, Origin.PROTOCOL, FIXED[POST])
    if post == POST:
        for at, name in FIXED.items():
            found.enter(F_SEGMENT + at, Origin.PROTOCOL, name)
    _directories(part, found)
    found.notes.append(
        "Which parts are 16-bit and which 32-bit code is not written in it: where no path tells, reading does."
    )
    return found.binary(place, part.name)


def _sections(part: Part) -> Iterator[Section]:
    """The F segment, what is below it, and for large images what is at the top of 4 GiB only."""
    size = len(part)
    low = size if size <= LOW else LOW // 2
    spans = ((F_SEGMENT, size - SEGMENT, size, 16), (ONE_MIB - low, size - low, size - SEGMENT, 32),
             (FOUR_GIB - size, 0, size - low, 32))  # fmt: skip
    for address, start, end, mode in spans:
        if start < end:
            name = "F segment" if mode == 16 else f"flash at {address:#x}"
            data = part.data[start:end]
            yield Section(name, address, data, len(data), True, False, mode, part.place(start))


def _directories(part: Part, found: Gathering) -> None:
    """Entry points that a checksummed structure in the F segment names."""
    start = len(part) - SEGMENT
    for at in range(start, len(part) - 0x30, 16):
        magic = bytes(part.data[at : at + 4])
        if magic == b"_32_" and not sum(part.data[at : at + 16]) & 0xFF:
            found.enter(
                part.number("I", at + 4, "the service directory"), Origin.PROTOCOL, "BIOS32 services", 32
            )
        elif magic == b"$PnP" and not sum(part.data[at : at + part.data[at + 5]]) & 0xFF:
            offset, segment, protected, base = part.numbers("HHHI", at + 13, "the Plug and Play structure")
            found.enter(segment * 16 + offset, Origin.PROTOCOL, "Plug and Play BIOS, real mode", 16)
            found.enter(base + protected, Origin.PROTOCOL, "Plug and Play BIOS, protected mode", 16)


def read_bios(data: bytes, name: str) -> tuple[Binary, ...]:
    """The BIOS, and the option ROMs stored with it."""
    part = Part(memoryview(data), name)
    return (read_bios_part(part), *_stored_roms(part))


def _stored_roms(part: Part) -> Iterator[Binary]:
    """Option ROMs at multiples of 2 KiB that add up to zero."""
    at = 0
    while at < len(part) - SEGMENT:
        size = 0
        if bytes(part.data[at : at + 2]) == ROM_MAGIC and is_option_rom(part.data[at:]):
            size = part.data[at + 2] * 512
            if not sum(part.data[at : at + size]) & 0xFF:
                yield from option_roms(
                    part.inner(at, min(size, len(part) - at), "an option ROM"), f"option ROM at {at:#x}"
                )
        at += max(ROM_STEP, size)


READER = Reader("bios", rank=63, matches=is_bios, read=read_bios)
