# SPDX-License-Identifier: GPL-2.0-or-later
"""Small boot sectors, disk images, GRUB core images and DOS programs."""

import lzma
import struct
from dataclasses import dataclass
from uuid import UUID

SECTOR = 512
FILTERS = ({"id": lzma.FILTER_LZMA1, "lc": 3, "lp": 0, "pb": 2, "dict_size": 1 << 16},)


def boot_sector(code: bytes = b"\xfa\xf4", rows: tuple[tuple[int, int, int], ...] = ()) -> bytes:
    """A sector of code with the boot signature; `rows` are type, first sector and size of partitions."""
    table = b"".join(struct.pack("<B3xB3xII", 0x80 if not n else 0, *row) for n, row in enumerate(rows))
    return code.ljust(446, b"\0") + table.ljust(64, b"\0") + b"\x55\xaa"


def with_block(jump: bytes = b"\xeb\x3c\x90") -> bytes:
    """A FAT boot sector: a jump over the parameter block, code behind it."""
    return boot_sector(jump.ljust(0x3E, b"\x11") + b"\xfa\xf4")


def disk(sectors: dict[int, bytes], size: int = 64) -> bytes:
    """A disk image of `size` sectors; what is given by sector number may be longer than one."""
    data = bytearray(size * SECTOR)
    for number, what in sectors.items():
        data[number * SECTOR : number * SECTOR + len(what)] = what
    return bytes(data)


def gpt(*rows: tuple[UUID, int]) -> dict[int, bytes]:
    """Sectors 1 and 2: header and table of a GPT, by type and first sector of each partition."""
    table = b"".join(
        kind.bytes_le + bytes(16) + struct.pack("<QQ", start, start) + bytes(80) for kind, start in rows
    )
    return {1: b"EFI PART".ljust(72, b"\0") + struct.pack("<QII", 2, len(rows), 128), 2: table}


def grub_boot_sector(core: int, rows: tuple[tuple[int, int, int], ...] = ()) -> bytes:
    """GRUB's boot sector, which loads the core's first sector from this one."""
    code = b"\xeb\x63\x90".ljust(0x5A, b"\0") + struct.pack("<HQ", 0x8000, core) + b"\0\xfa\xf4"
    return boot_sector(code, rows)


def grub_core(kernel: bytes, modules: tuple[bytes, ...] = (), at: int = 1) -> bytes:
    """A core image at sector `at` of a disk: its first sector with the block list, startup code, packed kernel."""
    body = b"".join(struct.pack("<II", 0, 8 + len(module)) + module for module in modules)
    core = kernel + (struct.pack("<4sII", b"mimg", 12, 12 + len(body)) + body if modules else b"")
    packed = lzma.compress(core, lzma.FORMAT_RAW, filters=FILTERS)
    startup = b"\xea\x1c\x82\0\0".ljust(8, b"\0") + struct.pack("<II", len(packed), len(core))
    rest = startup.ljust(0x80, b"\xf4") + packed
    count = (len(rest) + SECTOR - 1) // SECTOR
    first = b"\x52\x56\xbe".ljust(0x1F4, b"\0") + struct.pack("<QHH", at + 1, count, 0x820)
    return first + rest.ljust(count * SECTOR, b"\0")


def compact_disc(image: bytes, segment: int = 0) -> bytes:
    """A CD with an El Torito boot record; the boot image is in its sector 20."""
    data = bytearray(20 * 2048) + image.ljust(2048, b"\0")
    data[16 * 2048 : 16 * 2048 + 6] = b"\1CD001"
    data[17 * 2048 : 17 * 2048 + 30] = b"\0CD001\1EL TORITO SPECIFICATION"
    struct.pack_into("<I", data, 17 * 2048 + 0x47, 18)
    struct.pack_into("<BBHBBHI", data, 18 * 2048 + 32, 0x88, 0, segment, 0, 0, 4, 20)
    return bytes(data)


@dataclass(frozen=True)
class Mz:
    """A DOS program; `bytes(Mz(...))` makes the file. `relocations` are segment and offset each."""

    code: bytes = b"\xb4\x4c\xcd\x21"
    entry: tuple[int, int] = (0, 0)
    relocations: tuple[tuple[int, int], ...] = ()
    pages: int | None = None
    newer: bytes = b""

    def __bytes__(self) -> bytes:
        header = 0x20 + 4 * len(self.relocations) + (0x40 if self.newer else 0) + 15 & ~15
        size = header + len(self.code)
        segment, offset = self.entry
        pages = (size + 511) // 512 if self.pages is None else self.pages
        words = (
            size % 512,
            pages,
            len(self.relocations),
            header // 16,
            0,
            0xFFFF,
            0,
            0,
            0,
            offset,
            segment,
            0x20,
        )
        table = b"".join(struct.pack("<HH", at, where) for where, at in self.relocations)
        head = (b"MZ" + struct.pack("<12H", *words)).ljust(0x20, b"\0") + table
        if self.newer:
            head = head[:0x3C].ljust(0x3C, b"\0") + struct.pack("<I", size) + head[0x40:]
        return head.ljust(header, b"\0") + self.code + self.newer
