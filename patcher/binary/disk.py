# SPDX-License-Identifier: GPL-2.0-or-later
"""Disk images, as far as firmware boots them: the MBR, boot sectors of partitions, GRUB's core, El Torito.

UEFI Specification 2.10, section 5 (MBR and GPT); "El Torito" Bootable CD-ROM Format Specification 1.0, section
2; GRUB 2, grub-core/boot/i386/pc/boot.S. File systems are not walked.
"""

from collections.abc import Iterator
from dataclasses import replace
from uuid import UUID

from patcher.binary.boot_sector import SECTOR, boot_sector, has_code, is_boot_sector, partitions
from patcher.binary.grub_core import BLOCK_LIST, core_parts, is_core
from patcher.binary.model import Binary, Entry, Origin, Privilege, Reader, Section
from patcher.binary.part import Part

EXTENDED = frozenset({0x05, 0x0F, 0x85})
PROTECTIVE = 0xEE
MOST_PARTITIONS = 128
GPT = b"EFI PART"
BIOS_BOOT = UUID("21686148-6449-6e6f-744e-656564454649")
"""Type of the GPT partition in which GRUB's core lies."""
GRUB_KERNEL = 0x5A
"""Offset in GRUB's boot sector of the address 0x8000; the core's first sector number follows."""
CD_SECTOR, CD_RECORD = 2048, 17 * 2048
CD_MAGIC, EL_TORITO = b"CD001", b"EL TORITO SPECIFICATION"


def _sector(disk: Part, number: int, count: int = 1) -> Part | None:
    """Sectors of a disk, None when they are not in the image."""
    at = number * SECTOR
    return disk.inner(at, count * SECTOR, "a sector") if at + count * SECTOR <= len(disk) else None


def _boot_sectors(disk: Part) -> Iterator[Binary]:
    """The MBR, the boot sectors of its partitions, and GRUB's core if the MBR is GRUB's."""
    first = disk.inner(0, SECTOR, "the first sector")
    rows = partitions(first.data)
    seen: set[int] = {0}
    if has_code(first.data):
        yield boot_sector(first, "boot sector" if rows else "")
        yield from _grub(disk, first, seen)
    for row in rows:
        if row.kind in EXTENDED:
            yield from _logical(disk, row.start, seen)
        elif row.kind != PROTECTIVE:
            yield from _volume(disk, row.start, seen)
    if any(row.kind == PROTECTIVE for row in rows):
        yield from _gpt(disk, seen)


def _volume(disk: Part, start: int, seen: set[int]) -> Iterator[Binary]:
    """The boot sector of one partition, if it has one."""
    sector = None if start in seen else _sector(disk, start)
    seen.add(start)
    if sector and is_boot_sector(sector.data) and has_code(sector.data):
        yield boot_sector(sector, f"partition at sector {start}")
        yield from _grub(disk, sector, seen)


def _logical(disk: Part, start: int, seen: set[int]) -> Iterator[Binary]:
    """Partitions inside an extended one: a chain of tables, which must not lead back."""
    at = start
    for _ in range(MOST_PARTITIONS):
        sector = None if at in seen else _sector(disk, at)
        seen.add(at)
        if sector is None or not is_boot_sector(sector.data):
            return
        onwards = 0
        for row in partitions(sector.data):
            if row.kind in EXTENDED:
                onwards = start + row.start
            else:
                yield from _volume(disk, at + row.start, seen)
        at = onwards


def _gpt(disk: Part, seen: set[int]) -> Iterator[Binary]:
    """Partitions of a GUID partition table."""
    header = _sector(disk, 1)
    if header is None or bytes(header.data[:8]) != GPT:
        return
    table, count, size = header.numbers("QII", 72, "the GPT header")
    for index in range(min(count, MOST_PARTITIONS)):
        at = table * SECTOR + index * size
        if size < 128 or at + 128 > len(disk):
            return
        kind, start = UUID(bytes_le=bytes(disk.data[at : at + 16])), disk.number("Q", at + 32, "a partition")
        if kind.int and kind != BIOS_BOOT and start < len(disk) // SECTOR:
            yield from _volume(disk, start, seen)


def _grub(disk: Part, sector: Part, seen: set[int]) -> Iterator[Binary]:
    """GRUB's core, by the sector number in its boot sector and the block list in the core's first sector.

    A disk has one; `seen` has -1 once it was read.
    """
    address, number = sector.numbers("HQ", GRUB_KERNEL, "GRUB's boot sector")
    first = _sector(disk, number) if address == 0x8000 and number and -1 not in seen else None
    if first is None or not is_core(first.data[:SECTOR]):
        return
    seen.add(-1)
    data = bytearray(first.data)
    for block, count in _blocks(first):
        data += disk.data[block * SECTOR : (block + count) * SECTOR]
    consecutive = all(block == number + 1 for block, _ in _blocks(first))
    whole = Part(memoryview(bytes(data)), disk.name, number * SECTOR if consecutive else None)
    yield from core_parts(whole, f"GRUB at sector {number}: ")


def _blocks(sector: Part) -> list[tuple[int, int]]:
    """First sector and number of sectors of each run; all of them together stay inside 1 MiB."""
    found: list[tuple[int, int]] = []
    for at in range(BLOCK_LIST, 0x100, -12):
        start, count, _ = sector.numbers("QHH", at, "GRUB's block list")
        if not count or sum(size for _, size in found) + count > 0x800:
            break
        found.append((start, count))
    return found


def _el_torito(disc: Part) -> Iterator[Binary]:
    """The boot image of a CD: what the firmware loads of it; the image loads the rest itself."""
    catalog = disc.number("I", CD_RECORD + 0x47, "the boot record") * CD_SECTOR
    bootable, _, segment, _, _, count, start = disc.numbers("BBHBBHI", catalog + 32, "the boot catalog")
    if bootable != 0x88:
        return
    base, at = (segment or 0x7C0) * 16, start * CD_SECTOR
    data = disc.cut(at, min(count * SECTOR, max(0, len(disc) - at)), "the boot image")
    if data:
        section = Section("boot image", base, data, len(data), True, True, 16, at)
        entry = Entry(base, 16, Origin.PROTOCOL, "El Torito boot image")
        yield Binary("El Torito boot image", "boot-sector", 16, Privilege.FIRMWARE, (section,), (entry,))


def is_disc(data: bytes) -> bool:
    """An ISO 9660 image with an El Torito boot record."""
    return data[CD_RECORD + 1 : CD_RECORD + 6] == CD_MAGIC and data.startswith(EL_TORITO, CD_RECORD + 7)


def read_disk(data: bytes, name: str) -> tuple[Binary, ...]:
    """Every boot program that the image's own tables name."""
    disk = Part(memoryview(data), name)
    found = list(_el_torito(disk)) if is_disc(data) else []
    if is_boot_sector(data):
        found += _boot_sectors(disk)
    note = "Files in its file systems are not read."
    return tuple(
        replace(binary, notes=(*binary.notes, note)) if len(data) > SECTOR else binary for binary in found
    )


def matches(data: bytes) -> bool:
    """A partition table of this image, or GRUB's boot sector; programs that begin otherwise may have 55 AA too."""
    if is_disc(data):
        return True
    if not is_boot_sector(data) or data[:4] == b"\x7fELF" or data[:2] == b"MZ":
        return False
    sector = memoryview(data)[:SECTOR]
    inside = any(row.start * SECTOR < len(data) for row in partitions(sector))
    return inside or data[GRUB_KERNEL : GRUB_KERNEL + 2] == b"\0\x80"


READER = Reader("disk", rank=16, matches=matches, read=read_disk)
