# SPDX-License-Identifier: GPL-2.0-or-later
"""TE images: PE with its headers cut down, for code that runs from flash.

UEFI Platform Initialization Specification, volume 1, section 15 "TE Image": RVAs count from where the headers
of the PE image were, of which `StrippedSize` bytes are gone and a header of 40 bytes has come in their place.
"""

from patcher.binary.model import Binary, Reader
from patcher.binary.part import Part
from patcher.binary.pe import read_image
from patcher.binary.pe_headers import BASE_RELOCATION, MODES, Pe, machine_mode, read_sections

MAGIC = b"VZ"
HEADER = 40


def matches(data: bytes | memoryview) -> bool:
    return (
        len(data) > HEADER
        and bytes(data[:2]) == MAGIC
        and int.from_bytes(data[2:4], "little") in MODES
        and 0 < data[4] <= 96
        and int.from_bytes(data[6:8], "little") >= HEADER
    )


def read_te_part(part: Part, place: str = "") -> Binary:
    """The TE image in a part of a file."""
    machine, sections, subsystem, stripped, entry, _ = part.numbers("2xHBBHII", 0, "the TE header")
    base = part.number("Q", 16, "the image base of a TE header")
    relocations = part.numbers("II", 24, "the data directories of a TE header")
    mode = machine_mode(machine, part.name)
    directories = ((0, 0),) * BASE_RELOCATION + ((relocations[0], relocations[1]),)
    found, addresses = read_sections(part, HEADER, sections, base, mode, stripped - HEADER)
    return read_image(Pe(part, mode, base, entry, subsystem, directories, found, addresses), place, "te")


def read_te(data: bytes, name: str) -> tuple[Binary, ...]:
    """The TE image that a file is."""
    return (read_te_part(Part(memoryview(data), name)),)


READER = Reader("te", rank=55, matches=matches, read=read_te)
