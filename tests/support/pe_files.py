# SPDX-License-Identifier: GPL-2.0-or-later
"""Small PE and TE files, well-formed or damaged on purpose, made of the sections that a test gives."""

import struct
from dataclasses import dataclass, field

CODE, DATA = 0x6000_0020, 0xC000_0040
"""Section characteristics: code that can be run and read, data that can be read and written."""
HEADERS = 0x400


@dataclass(frozen=True)
class Area:
    """A section. What is None is taken from the rest."""

    data: bytes
    rva: int = 0x1000
    flags: int = CODE
    name: bytes = b".text"
    size: int | None = None
    raw_size: int | None = None

    def header(self, raw: int) -> bytes:
        size = len(self.data) if self.size is None else self.size
        raw_size = len(self.data) if self.raw_size is None else self.raw_size
        return struct.pack("<8s6I2HI", self.name, size, self.rva, raw_size, raw, 0, 0, 0, 0, self.flags)


@dataclass(frozen=True)
class PeFile:
    """A PE image; `bytes(PeFile(...))` makes the file."""

    areas: tuple[Area, ...]
    entry: int = 0x1000
    bits: int = 32
    machine: int | None = None
    base: int = 0x40_0000
    subsystem: int = 3
    directories: dict[int, tuple[int, int]] = field(default_factory=dict)
    symbols: tuple[tuple[bytes, int, int, int], ...] = ()
    """Name of up to eight bytes, value, section and type each."""
    magic: int | None = None

    @property
    def machine_id(self) -> int:
        return self.machine or (0x8664 if self.bits == 64 else 0x14C)

    def __bytes__(self) -> bytes:
        at, headers, bodies = HEADERS, b"", b""
        for area in self.areas:
            headers += area.header(at)
            bodies += area.data
            at += len(area.data)
        table = b"".join(
            struct.pack("<8sIhHBB", name, value, section, kind, 2, 0)
            for name, value, section, kind in self.symbols
        )
        optional = self._optional()
        coff = struct.pack(
            "<HHIIIHH", self.machine_id, len(self.areas), 0, at, len(self.symbols), len(optional), 0x102
        )
        dos = b"MZ" + bytes(58) + struct.pack("<I", 64)
        return (dos + b"PE\0\0" + coff + optional + headers).ljust(HEADERS, b"\0") + bodies + table

    def _optional(self) -> bytes:
        wide = self.bits == 64
        magic = self.magic or (0x20B if wide else 0x10B)
        head = struct.pack("<HBBIIIII", magic, 0, 0, 0, 0, 0, self.entry, 0)
        base = struct.pack("<Q", self.base) if wide else struct.pack("<II", 0, self.base)
        middle = struct.pack("<II6HIIIIHH", 0x1000, 0x200, *[0] * 6, 0, 0, 0, 0, self.subsystem, 0)
        rest = struct.pack("<4QII" if wide else "<4III", 0, 0, 0, 0, 0, 16)
        table = b"".join(struct.pack("<II", *self.directories.get(index, (0, 0))) for index in range(16))
        return head + base + middle + rest + table


def te_file(code: bytes, entry: int = 0x400, base: int = 0xFFFF_0000, machine: int = 0x14C) -> bytes:
    """A TE image whose stripped headers had 0x400 bytes; its one section follows the headers at once."""
    stripped = HEADERS - 80 + 40
    area = Area(code, rva=HEADERS).header(HEADERS)
    return (
        struct.pack("<2sHBBHIIQ4I", b"VZ", machine, 1, 11, stripped, entry, HEADERS, base, 0, 0, 0, 0)
        + area
        + code
    )


@dataclass(frozen=True)
class Chunk:
    """A section of an object; relocations are offset, symbol and type each."""

    data: bytes
    name: bytes = b".text"
    flags: int = 0x6050_0020
    relocations: tuple[tuple[int, int, int], ...] = ()


def coff_object(
    chunks: tuple[Chunk, ...],
    symbols: tuple[tuple[bytes, int, int, int], ...],
    bits: int = 32,
    big: bool = False,
) -> bytes:
    """A COFF object; symbols are name, value, section from 1 (0: undefined) and type each."""
    at = (56 if big else 20) + 40 * len(chunks)
    headers, body = b"", b""
    for chunk in chunks:
        table = b"".join(struct.pack("<IIH", *row) for row in chunk.relocations)
        where = (len(chunk.data), at, at + len(chunk.data), 0, len(chunk.relocations), 0, chunk.flags)
        headers += struct.pack("<8s2I4I2HI", chunk.name, 0, 0, *where)
        body += chunk.data + table
        at += len(chunk.data) + len(table)
    machine, row = (0x8664 if bits == 64 else 0x14C), "<8sIiHBB" if big else "<8sIhHBB"
    rows = b"".join(struct.pack(row, name, value, home, kind, 2, 0) for name, value, home, kind in symbols)
    if big:
        identity = bytes.fromhex("c7a1bad1eebaa94baf20faf66aa4dcb8")
        head = struct.pack(
            "<4H I16s4I3I", 0, 0xFFFF, 2, machine, 0, identity, 0, 0, 0, 0, len(chunks), at, len(symbols)
        )
    else:
        head = struct.pack("<HHIIIHH", machine, len(chunks), 0, at, len(symbols), 0, 0)
    return head + headers + body + rows + b"\4\0\0\0"
