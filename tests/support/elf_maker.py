# SPDX-License-Identifier: GPL-2.0-or-later
"""ELF files with sections, made for tests: objects and linked files of either class, well-formed or not."""

import struct
from dataclasses import dataclass, field

ALLOC, EXEC, WRITE = 2, 4, 1
PROGBITS, SYMTAB, STRTAB, RELA, NOBITS, REL, INIT_ARRAY = 1, 2, 3, 4, 8, 9, 14
FUNC, NOTYPE, OBJECT, SECTION = 2, 0, 1, 3


@dataclass(frozen=True)
class Part:
    """A section. `relocations` are (offset, type, symbol index[, addend]) of a table of its own."""

    name: str
    data: bytes = b""
    flags: int = ALLOC
    type: int = PROGBITS
    address: int = 0
    align: int = 16
    relocations: tuple[tuple[int, ...], ...] = ()
    size: int | None = None


@dataclass(frozen=True)
class Sym:
    """A symbol: of a section by its index in `parts` (None: undefined)."""

    name: str
    value: int = 0
    part: int | None = None
    type: int = FUNC
    size: int = 0
    bind: int = 1


@dataclass
class Maker:
    """`bytes(Maker(...))` is the file. Symbol 0 is the null symbol, so the first of `symbols` has index 1."""

    parts: list[Part]
    symbols: list[Sym] = field(default_factory=list)
    bits: int = 32
    type: int = 1
    entry: int = 0
    segments: list[tuple[int, ...]] = field(default_factory=list)
    """type, flags, part index, vaddr, paddr, memsz of each program header."""
    shoff: int | None = None

    def __bytes__(self) -> bytes:
        wide = self.bits == 64
        head, row = (64, 56) if wide else (52, 32)
        body, offsets = bytearray(head + row * len(self.segments)), []
        for part in self.parts:
            body += bytes(-len(body) % 16)
            offsets.append(len(body))
            body += part.data if part.type != NOBITS else b""
        shoff = self._sections(body, offsets)
        machine = 62 if wide else 3
        counts = (head, row, len(self.segments), 64 if wide else 40, self._count, self._count - 1)
        place = (self.entry, head, shoff if self.shoff is None else self.shoff)
        form = "<HHI3QI6H" if wide else "<HHI3II6H"
        ident = b"\x7fELF" + bytes([2 if wide else 1, 1, 1]) + bytes(9)
        body[:head] = ident + struct.pack(form, self.type, machine, 1, *place, 0, *counts)
        for index, segment in enumerate(self.segments):
            packed = self._segment(segment, offsets)
            body[head + index * row : head + (index + 1) * row] = packed
        return bytes(body)

    def _segment(self, segment: tuple[int, ...], offsets: list[int]) -> bytes:
        kind, flags, part, vaddr, paddr, memsz = segment
        filesz = len(self.parts[part].data)
        if self.bits == 64:
            return struct.pack("<2I6Q", kind, flags, offsets[part], vaddr, paddr, filesz, memsz, 16)
        return struct.pack("<8I", kind, offsets[part], vaddr, paddr, filesz, memsz, flags, 16)

    def _sections(self, body: bytearray, offsets: list[int]) -> int:
        """Append symbols, relocations, names and section headers; returns where the last are."""
        symtab = len(self.parts) + 1
        rows = [("", 0, 0, 0, 0, 0, 0, 0, 0, 0)]
        for part, at in zip(self.parts, offsets, strict=True):
            size = len(part.data) if part.size is None else part.size
            rows.append((part.name, part.type, part.flags, part.address, at, size, 0, 0, part.align, 0))
        text, symbols = self._symbols()
        rows.append((".symtab", SYMTAB, 0, 0, len(body), len(symbols), symtab + 1, 1, 8, 24))
        body += symbols
        rows.append((".strtab", STRTAB, 0, 0, len(body), len(text), 0, 0, 1, 0))
        body += text
        for index, part in enumerate(self.parts, 1):
            if part.relocations:
                data = b"".join(map(self._relocation, part.relocations))
                kind = RELA if self.bits == 64 else REL
                rows.append((f".rel{part.name}", kind, 0, 0, len(body), len(data), symtab, index, 8, 0))
                body += data
        return self._headers(body, rows)

    def _headers(self, body: bytearray, rows: list[tuple[object, ...]]) -> int:
        names, form = b"", "<2I4Q2I2Q" if self.bits == 64 else "<10I"
        starts = []
        for name in [*(str(row[0]) for row in rows), ".shstrtab"]:
            starts.append(len(names))
            names += name.encode() + b"\0"
        rows.append((".shstrtab", STRTAB, 0, 0, len(body), len(names), 0, 0, 1, 0))
        self._count = len(rows)
        at = len(body) + len(names)
        headers = (struct.pack(form, start, *row[1:]) for start, row in zip(starts, rows, strict=True))
        body += names + b"".join(headers)
        return at

    def _symbols(self) -> tuple[bytes, bytes]:
        text, rows = b"\0", bytes(24 if self.bits == 64 else 16)
        for symbol in self.symbols:
            info, section = symbol.bind << 4 | symbol.type, 0 if symbol.part is None else symbol.part + 1
            if self.bits == 64:
                rows += struct.pack("<IBBHQQ", len(text), info, 0, section, symbol.value, symbol.size)
            else:
                rows += struct.pack("<IIIBBH", len(text), symbol.value, symbol.size, info, 0, section)
            text += symbol.name.encode() + b"\0"
        return text, rows

    def _relocation(self, row: tuple[int, ...]) -> bytes:
        offset, kind, symbol, *addend = row
        if self.bits == 64:
            return struct.pack("<QQq", offset, symbol << 32 | kind, *(addend or [0]))
        return struct.pack("<II", offset, symbol << 8 | kind)
