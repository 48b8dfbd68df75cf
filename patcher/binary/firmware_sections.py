# SPDX-License-Identifier: GPL-2.0-or-later
"""Sections of a UEFI firmware file, and what the packed ones hold.

UEFI Platform Initialization Specification, volume 3, section 2.2.4 and 3.2.5; the GUIDs of LZMA are those of
EDK II, MdeModulePkg. Unpacked bytes are counted against a limit that grows with the file.
"""

import lzma
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from patcher.binary.part import Part
from patcher.binary.tiano import unpack_tiano
from patcher.errors import PatcherError

COMPRESSION, GUIDED, PE32, TE, NAME, COMPATIBILITY16, VOLUME, RAW = (
    0x01,
    0x02,
    0x10,
    0x12,
    0x15,
    0x16,
    0x17,
    0x19,
)
LZMA = UUID("ee4e5898-3914-4259-9d6e-dc7bd79403cf")
LZMA_X86 = UUID("d42ae6bd-1352-4bfb-909a-ca72a6eae889")
TIANO = UUID("a31280ad-481e-41b6-95e8-127f4c984779")
NEEDS_PROCESSING = 1
"""Attribute of a GUIDed section: what follows its header is not plain sections."""
DICTIONARY = 1 << 27
"""The most memory in bytes that LZMA may take for itself; EDK II packs with a dictionary of 16 MiB at most."""


@dataclass(slots=True)
class Room:
    """How many bytes may still be unpacked of one file."""

    left: int

    def take(self, data: bytes) -> bytes:
        self.left -= len(data)
        return data


def sections(part: Part) -> Iterator[tuple[int, Part]]:
    """Type and contents of each section of a file's or a packed section's contents; they are 4-byte aligned."""
    at = 0
    while at + 4 <= len(part):
        size, kind, header = int.from_bytes(part.data[at : at + 3], "little"), part.data[at + 3], 4
        if size == 0xFFFFFF:
            size, header = part.number("I", at + 4, "the size of a large section"), 8
        if size < header or not kind:
            return
        yield kind, part.inner(at + header, size - header, "a section")
        at += (size + 3) & ~3


def leaves(part: Part, room: Room) -> Iterator[tuple[int, Part]]:
    """Type and contents of every section that holds no sections itself, in order; damage ends with a sentence."""
    waiting = [sections(part)]
    while waiting:
        found = next(waiting[-1], None)
        if found is None:
            waiting.pop()
        elif found[0] in (COMPRESSION, GUIDED):
            inside = _unpack(found, room)
            if inside is not None and len(waiting) < 16:
                waiting.append(sections(inside))
        else:
            yield found


def _unpack(section: tuple[int, Part], room: Room) -> Part | None:
    """What a section encapsulates, None when it is encoded by a method that is not known."""
    kind, part = section
    if kind == COMPRESSION:
        _, method = part.numbers("IB", 0, "a compression section")
        inner = part.inner(5, len(part) - 5, "a compressed section")
        return inner if not method else _tiano(inner, room) if method == 1 else None
    guid = UUID(bytes_le=bytes(part.cut(0, 16, "the GUID of a section")))
    start, attributes = part.numbers("HH", 16, "a GUIDed section")
    inner = part.inner(start - 4, len(part) - start + 4, "a GUIDed section")
    if guid in (LZMA, LZMA_X86):
        return _lzma(inner, room, guid == LZMA_X86)
    if guid == TIANO:
        return _tiano(inner, room, 5)
    return None if attributes & NEEDS_PROCESSING else inner


def _tiano(part: Part, room: Room, field: int = 4) -> Part:
    return Part(memoryview(room.take(unpack_tiano(part, room.left, field))), part.name, None)


def _lzma(part: Part, room: Room, branches: bool) -> Part:
    unpacker = lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=DICTIONARY)
    try:
        data = unpacker.decompress(part.data, room.left + 1)
    except (lzma.LZMAError, EOFError) as error:
        raise PatcherError(
            f"A section of {part.name} packed with LZMA is damaged: {str(error).rstrip('.')}."
        ) from None
    if len(data) > room.left:
        raise PatcherError(f"What is packed in {part.name} is more than {room.left:#x} bytes in one section.")
    return Part(memoryview(room.take(_absolute(data) if branches else data)), part.name, None)


def _absolute(data: bytes) -> bytes:
    """Undo the filter that makes the targets of x86 calls absolute before packing."""
    plain = lzma.compress(data, lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA2, "preset": 0}])
    return lzma.decompress(
        plain, lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_X86}, {"id": lzma.FILTER_LZMA2}]
    )
