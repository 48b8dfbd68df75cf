# SPDX-License-Identifier: GPL-2.0-or-later
"""UEFI flash images: firmware volumes, the files in them, and the reset vector at the end.

UEFI Platform Initialization Specification, volume 3, section 3.2. A volume holds files, files hold sections,
and a section may hold a volume; volumes wait in a list, so that nesting costs no stack.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from uuid import UUID

from patcher.binary import firmware_sections as fw
from patcher.binary.bios import is_bios, read_bios_part
from patcher.binary.firmware_sections import Room, leaves
from patcher.binary.model import Binary, Entry, Origin, Privilege, Reader, Section
from patcher.binary.option_rom import is_option_rom, option_roms
from patcher.binary.part import Part
from patcher.binary.pe import read_pe_part
from patcher.binary.pe_headers import header_offset
from patcher.binary.te import matches as is_te
from patcher.binary.te import read_te_part
from patcher.errors import PatcherError

MAGIC = b"_FVH"
MAGIC_AT = 40
VOLUME_HEADER, FILE_HEADER = 56, 24
FILE_SYSTEMS = frozenset(
    {UUID("8c8ce578-8a3d-4f1c-9935-896185c32dd3"), UUID("5473c07a-3dcb-4dca-bd6f-1e9689e7349a")}
)
"""FFS versions 2 and 3; a volume of another kind holds variables."""
VOLUME_TOP = UUID("1ba0062e-c779-4582-8566-336ae8f78f09")
"""The file that ends where its volume ends; the last one of a flash image has the reset vector."""
FILE_RAW, FILE_PAD = 0x01, 0xF0
LARGE = 1
PAGE = 0x1000
DEEPEST = 8
"""Volumes inside volumes; firmware has two or three levels."""
FOUR_GIB = 1 << 32
LIMIT = 32
"""What is unpacked takes at most so many times the file's size."""


@dataclass(slots=True)
class _Walk:
    """The state of one flash image's reading."""

    room: Room
    waiting: deque[tuple[int, Part]] = field(default_factory=deque)
    depth: int = 0
    found: list[Binary] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def _volumes(part: Part) -> Iterator[Part]:
    """Every firmware volume of a part, none inside another."""
    raw, at = bytes(part.data), 0
    while (at := raw.find(MAGIC, at)) >= 0:
        start = at - MAGIC_AT
        at += len(MAGIC)
        if start < 0 or start + VOLUME_HEADER > len(part):
            continue
        size, header = part.number("Q", start + 32, "a volume"), part.number("H", start + 48, "a volume")
        if VOLUME_HEADER <= header <= size and start + size <= len(part):
            yield part.inner(start, size, "a firmware volume")
            at = start + size


def _files(volume: Part) -> Iterator[tuple[UUID, int, Part]]:
    """GUID, type and contents of each file of a volume; they are 8-byte aligned."""
    if UUID(bytes_le=bytes(volume.data[16:32])) not in FILE_SYSTEMS:
        return
    at, _, extended = volume.numbers("HHH", 48, "a volume header")
    if extended:
        at = extended + volume.number("I", extended + 16, "the extended header of a volume")
    at = (at + 7) & ~7
    while at + FILE_HEADER <= len(volume):
        head = bytes(volume.data[at : at + FILE_HEADER])
        size, header = int.from_bytes(head[20:23], "little"), FILE_HEADER
        if head[19] & LARGE and size in (0, 0xFFFFFF):
            size, header = volume.number("Q", at + 24, "the size of a large file"), 32
        if size < header or head.count(0xFF) == FILE_HEADER:
            return
        guid = UUID(bytes_le=head[:16])
        yield (
            guid,
            head[18],
            volume.inner(at + header, size - header, f"the file {guid} in a firmware volume"),
        )
        at = (at + size + 7) & ~7


def _await(walk: _Walk, part: Part) -> None:
    """The volumes in a part are read later, one level below the present one."""
    if walk.depth < DEEPEST:
        walk.waiting.extend((walk.depth + 1, volume) for volume in _volumes(part))


def _read_volume(walk: _Walk, volume: Part) -> None:
    """Every file of a volume; damage ends the volume with a note."""
    files = _files(volume)
    while True:
        try:
            guid, kind, part = next(files)
        except StopIteration:
            return
        except PatcherError as error:
            walk.notes.append(str(error))
            return
        if kind not in (FILE_RAW, FILE_PAD):
            _read_file(walk, guid, part)


def _read_file(walk: _Walk, guid: UUID, file: Part) -> None:
    """The programs of one file, under the name that it gives to itself."""
    name, programs = str(guid), []
    try:
        for kind, part in leaves(file, walk.room):
            if kind == fw.NAME:
                name = (
                    bytes(part.data[: len(part) & ~1]).decode("utf-16-le", "replace").split("\0")[0] or name
                )
            elif kind == fw.VOLUME:
                _await(walk, part)
            elif kind in (fw.PE32, fw.TE, fw.RAW, fw.COMPATIBILITY16):
                programs.append(part)
    except PatcherError as error:
        walk.notes.append(str(error))
    for part in programs:
        try:
            walk.found += _programs(part, name)
        except PatcherError as error:
            walk.notes.append(f"{name}: {error}")


def _programs(part: Part, place: str) -> Iterator[Binary]:
    """What a section holds, when it is code: PE or TE, in raw ones an option ROM or a legacy BIOS too."""
    if header_offset(part.data) is not None:
        yield read_pe_part(part, place)
    elif is_te(part.data):
        yield read_te_part(part, place)
    elif is_option_rom(part.data):
        yield from option_roms(part, place)
    elif is_bios(part.data):
        yield read_bios_part(part, place)


def _reset_vector(part: Part) -> Iterator[Binary]:
    """Code at the end of a flash image, which ends at 4 GiB: 16-bit first, then what it switches to."""
    for volume in _volumes(part):
        if volume.offset is None or volume.offset + len(volume) != len(part):
            continue
        for guid, kind, file in _files(volume):
            last = file.offset is not None and file.offset + len(file) == len(part)
            if last and len(file) >= 16 and (guid == VOLUME_TOP or kind == FILE_RAW):
                yield _vector(file)


def _vector(file: Part) -> Binary:
    section = Section(
        "reset vector", FOUR_GIB - len(file), file.data, len(file), True, False, 16, file.offset
    )
    entry = Entry(FOUR_GIB - 16, 16, Origin.PROTOCOL, "reset vector")
    return Binary("reset vector", "uefi", 16, Privilege.FIRMWARE, (section,), (entry,))


def read_uefi(data: bytes, name: str) -> tuple[Binary, ...]:
    """Every program in a flash image; none in one that holds variables only. Names used twice get a number."""
    part = Part(memoryview(data), name)
    walk = _Walk(Room(LIMIT * len(data)))
    _await(walk, part)
    while walk.waiting:
        walk.depth, volume = walk.waiting.popleft()
        _read_volume(walk, volume)
    try:
        walk.found += _reset_vector(part)
    except PatcherError as error:
        walk.notes.append(str(error))
    if walk.notes and not walk.found:
        raise PatcherError(walk.notes[0])
    return tuple(_noted(_distinct(walk.found), walk.notes))


def _distinct(found: list[Binary]) -> Iterator[Binary]:
    seen: dict[str, int] = {}
    for binary in found:
        seen[binary.name] = count = seen.get(binary.name, 0) + 1
        yield binary if count == 1 else replace(binary, name=f"{binary.name} #{count}")


def _noted(found: Iterator[Binary], notes: list[str]) -> Iterator[Binary]:
    """What is wrong with the image is said once, with its first program."""
    for index, binary in enumerate(found):
        yield binary if index else replace(binary, notes=(*binary.notes, *notes))


def matches(data: bytes) -> bool:
    """A volume at a multiple of 4 KiB: flash images begin with other regions sometimes."""
    return any((volume.offset or 0) % PAGE == 0 for volume in _volumes(Part(memoryview(data), "")))


READER = Reader("uefi", rank=62, matches=matches, read=read_uefi)
