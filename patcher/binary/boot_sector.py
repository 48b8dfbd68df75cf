# SPDX-License-Identifier: GPL-2.0-or-later
"""One boot sector: 16-bit code at 0000:7C00, less the tables in it.

UEFI Specification 2.10, section 5.2.1 (legacy MBR); Microsoft, "FAT: General Overview of On-Disk Format" (the
BIOS parameter block).
"""

from dataclasses import dataclass, replace

from patcher.binary.model import Binary, Entry, Origin, Privilege, Reader, Section
from patcher.binary.part import Part

SECTOR = 512
ADDRESS = 0x7C00
SIGNATURE, TABLE = 510, 446
"""Offsets of 55 AA and of the partition table."""
JUMP_SHORT, JUMP_NEAR = 0xEB, 0xE9
LONGEST_BLOCK = 0x5A
"""Where FAT32's parameter block ends."""


@dataclass(frozen=True, slots=True)
class Partition:
    """A row of the partition table; `start` and `size` in sectors."""

    kind: int
    start: int
    size: int


def is_boot_sector(data: bytes | memoryview) -> bool:
    return len(data) >= SECTOR and bytes(data[SIGNATURE:SECTOR]) == b"\x55\xaa"


def read_boot_sector(data: bytes, name: str) -> tuple[Binary, ...]:
    """The first sector of a file; what follows it has no description."""
    found = boot_sector(Part(memoryview(data)[:SECTOR], name), "")
    if len(data) > SECTOR:
        found = replace(found, notes=("What follows the boot sector is not read.",))
    return (found,)


def partitions(sector: memoryview) -> tuple[Partition, ...]:
    """Rows in use; none when the bytes are no partition table (a row's first byte is 00 or 80)."""
    rows = [bytes(sector[TABLE + 16 * index : TABLE + 16 * index + 16]) for index in range(4)]
    if any(row[0] & 0x7F for row in rows):
        return ()
    found = (
        Partition(row[4], int.from_bytes(row[8:12], "little"), int.from_bytes(row[12:16], "little"))
        for row in rows
    )
    return tuple(row for row in found if row.kind and row.size)


def has_code(sector: memoryview) -> bool:
    """Extended partitions' sectors have a table and nothing else."""
    return bool(bytes(sector[:TABLE]).strip(b"\0"))


def boot_sector(part: Part, place: str) -> Binary:
    """The sector at the start of a part. The BIOS parameter block and the partition table are data."""
    table = TABLE if partitions(part.data) else SIGNATURE
    block = _block_end(part.data)
    spans = ((0, 3, True), (3, block, False), (block, table, True), (table, SECTOR, False))
    sections = tuple(
        Section(
            "code" if code else "tables",
            ADDRESS + start,
            part.data[start:end],
            end - start,
            code,
            True,
            16,
            part.place(start),
        )
        for start, end, code in (spans if block > 3 else ((0, table, True), (table, SECTOR, False)))
    )
    entry = Entry(ADDRESS, 16, Origin.PROTOCOL, "boot sector")
    return Binary(place, "boot-sector", 16, Privilege.FIRMWARE, sections, (entry,))


def _block_end(sector: memoryview) -> int:
    """Where the code goes on behind a BIOS parameter block; 3 when the first jump does not go over one."""
    if sector[0] == JUMP_SHORT and sector[1] < 0x80:
        target = 2 + sector[1]
    elif sector[0] == JUMP_NEAR:
        target = 3 + int.from_bytes(sector[1:3], "little")
    else:
        return 3
    return target if 0x18 <= target < TABLE and target <= LONGEST_BLOCK + 0x20 else 3


READER = Reader("boot-sector", rank=80, matches=is_boot_sector, read=read_boot_sector)
