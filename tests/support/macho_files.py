# SPDX-License-Identifier: GPL-2.0-or-later
"""Small Mach-O files: segments with their sections, and load commands whose tables lie behind them."""

import struct
from dataclasses import dataclass

PURE_CODE = 0x8000_0400
HEADERS = 0x400


@dataclass(frozen=True)
class Area:
    """A section; its address is the base plus its file offset."""

    data: bytes
    name: bytes = b"__text"
    flags: int = PURE_CODE
    first: int = 0
    stub: int = 0


@dataclass(frozen=True)
class MachO:
    """A program of two segments, __TEXT (readable, executable) and __DATA; `bytes(MachO(...))` makes the file."""

    text: tuple[Area, ...]
    data: tuple[Area, ...] = ()
    bits: int = 64
    base: int = 0x1_0000_0000
    kind: int = 2
    cpu: int | None = None
    commands: tuple[tuple[int, bytes, bytes], ...] = ()
    """Kind, arguments and a table each; the table's offset is put where the arguments have 0xEEEEEEEE."""
    linked: bool = True

    def __bytes__(self) -> bytes:
        at, body, segments = HEADERS, b"", b""
        for name, areas, rights in ((b"__TEXT", self.text, 5), (b"__DATA", self.data, 3)):
            rows, start = b"", at
            for area in areas:
                rows += self._section(area, name, at)
                body += area.data
                at += len(area.data)
            first = 0 if rights == 5 else start
            segments += self._segment(name, (first, at - first), rights, len(areas), rows)
        others = b""
        for kind, arguments, table in self.commands:
            arguments = arguments.replace(b"\xee" * 4, struct.pack("<I", at))
            others += struct.pack("<II", kind, 8 + len(arguments)) + arguments
            body += table
            at += len(table)
        if self.linked:
            others += struct.pack("<III4x", 0x0E, 16, 12)
        table = segments + others
        cpu = self.cpu or (0x0100_0007 if self.bits == 64 else 7)
        count = 2 + len(self.commands) + self.linked
        magic = 0xFEEDFACF if self.bits == 64 else 0xFEEDFACE
        head = struct.pack("<7I", magic, cpu, 3, self.kind, count, len(table), 0) + bytes(
            4 * (self.bits == 64)
        )
        return (head + table).ljust(HEADERS, b"\0") + body

    def _section(self, area: Area, segment: bytes, at: int) -> bytes:
        layout = "<16s16s2Q8I" if self.bits == 64 else "<16s16s2I7I"
        tail = (at, 0, 0, 0, area.flags, area.first, area.stub, *([0] if self.bits == 64 else []))
        return struct.pack(layout, area.name, segment, self.base + at, len(area.data), *tail)

    def _segment(self, name: bytes, span: tuple[int, int], rights: int, count: int, rows: bytes) -> bytes:
        wide = self.bits == 64
        start, size = span
        layout = "<16s4Q4I" if wide else "<16s4I4I"
        body = (
            struct.pack(layout, name, self.base + start, size, start, size, rights, rights, count, 0) + rows
        )
        return struct.pack("<II", 0x19 if wide else 1, 8 + len(body)) + body


def main_at(offset: int) -> tuple[int, bytes, bytes]:
    """LC_MAIN."""
    return 0x8000_0028, struct.pack("<QQ", offset, 0), b""


def fat(*parts: tuple[int, bytes]) -> bytes:
    """A fat file of slices: CPU type and contents each."""
    head, body, at = struct.pack(">II", 0xCAFEBABE, len(parts)), b"", 0x1000
    for cpu, data in parts:
        head += struct.pack(">5I", cpu, 3, at, len(data), 12)
        body += data
        at += len(data)
    return head.ljust(0x1000, b"\0") + body
