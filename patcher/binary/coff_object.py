# SPDX-License-Identifier: GPL-2.0-or-later
"""COFF objects, as compilers for Windows and UEFI write them: laid out and relocated, as a linker would.

Microsoft, "PE Format": "COFF File Header (Object and Image)", "COFF Relocations (Object Only)"; winnt.h,
ANON_OBJECT_HEADER_BIGOBJ. Sections get addresses in the file's order; every name that the object leaves to its
linker gets one of its own behind them, where no section is.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from patcher.binary.coff_symbols import EXTERNAL, CoffSymbol, coff_symbols
from patcher.binary.elf_object import BASE, LIMIT, STEP
from patcher.binary.gathering import Gathering
from patcher.binary.model import Binary, Origin, Privilege, Reader, Section
from patcher.binary.part import Part, form, text_at
from patcher.binary.pe_headers import CNT_CODE, EXCEPTION, MEM_EXECUTE, MEM_WRITE, MODES, SECTION_HEADER, Pe
from patcher.binary.pe_imports import returns_never
from patcher.binary.pe_unwind import read_unwind
from patcher.errors import PatcherError

HEADER, BIG_HEADER = 20, 56
BIG_MAGIC = b"\0\0\xff\xff"
BIG_CLASS = bytes.fromhex("c7a1bad1eebaa94baf20faf66aa4dcb8")
LEFT_OUT = 0x0200_0A00
"""Characteristics of what no linker puts in an image: LNK_INFO, LNK_REMOVE, and discardable debugging data."""
UNINITIALIZED = 0x80
MANY_RELOCATIONS = 0x0100_0000
"""The first relocation holds the count, which is too large for the header."""
ABSOLUTE, RELATIVE, WIDE, SHIFTED = "absolute", "relative", "wide", "image-relative"
KINDS = {
    32: {6: (ABSOLUTE, 0), 7: (SHIFTED, 0), 0x14: (RELATIVE, 4)},
    64: {
        1: (WIDE, 0),
        2: (ABSOLUTE, 0),
        3: (SHIFTED, 0),
        **{kind: (RELATIVE, kind) for kind in range(4, 10)},
    },
}
"""Relocation type -> what it puts in, and how far behind the field's start it is relative to."""
FIELD_ONLY = frozenset({0x0A, 0x0B})
"""IMAGE_REL_*_SECTION and SECREL: for debuggers and thread-local storage."""


@dataclass(frozen=True, slots=True)
class Header:
    """The file header of either kind of object."""

    mode: int
    sections: int
    symbols: int
    rows: int
    size: int


@dataclass(slots=True)
class Layout:
    """Where everything is. `sections` by number, from 1; `values` are the symbols' addresses by row."""

    sections: dict[int, Section]
    relocations: dict[int, tuple[int, int]]
    values: dict[int, int] = field(default_factory=dict)
    imports: dict[int, str] = field(default_factory=dict)


def _header(part: Part) -> Header | None:
    """The header, if the bytes can be one: nothing in it but the machine is a magic number."""
    head = bytes(part.data[:BIG_HEADER])
    if len(head) == BIG_HEADER and head.startswith(BIG_MAGIC) and head[12:28] == BIG_CLASS:
        machine, (count, symbols, rows), size = (
            int.from_bytes(head[6:8], "little"),
            part.numbers("3I", 44, "x"),
            BIG_HEADER,
        )
    elif len(head) >= HEADER:
        machine, count, symbols, rows, optional = part.numbers("2H4x2IH", 0, "x")
        size = HEADER if not optional else 0
    else:
        return None
    end = size + count * SECTION_HEADER
    possible = (
        machine in MODES and size and count and end <= len(part) and symbols >= end and symbols <= len(part)
    )
    return Header(MODES[machine], count, symbols, rows, size) if possible else None


def matches(data: bytes) -> bool:
    """Headers inside the file, symbols behind them, and a first section with a printable name."""
    part = Part(memoryview(data), "")
    header = _header(part)
    if header is None or header.symbols + header.rows * 18 > len(part):
        return False
    name = bytes(part.data[header.size : header.size + 8]).rstrip(b"\0")
    return bool(name) and all(0x20 < byte < 0x7F for byte in name)


def _place(part: Part, header: Header) -> Layout:
    """Sections at addresses of their own."""
    layout, address, room = Layout({}, {}), BASE, 2 * len(part)
    for number in range(1, header.sections + 1):
        at = header.size + (number - 1) * SECTION_HEADER
        size, _, relocations, _, count, _, flags = part.numbers("4I2HI", at + 16, "a section header")
        if flags & LEFT_OUT or not size:
            continue
        align = 1 << max((flags >> 20 & 15) - 1, 0)
        address = -(-address // align) * align
        room -= 0 if flags & UNINITIALIZED else size
        if room < 0 or address + size > LIMIT:
            raise PatcherError(f"The sections of {part.name} together claim more bytes than it has.")
        layout.sections[number] = _section(part, at, address, header.mode)
        layout.relocations[number] = _table(part, relocations, count, flags)
        address += size + STEP
    return layout


def _section(part: Part, at: int, address: int, mode: int) -> Section:
    size, raw, flags = part.numbers("II12xI", at + 16, "a section header")
    name = text_at(part.data, at, 8)
    data = part.data[:0] if flags & UNINITIALIZED or not raw else part.cut(raw, size, f"the section {name!r}")
    code, writable = bool(flags & (CNT_CODE | MEM_EXECUTE)), bool(flags & MEM_WRITE)
    return Section(
        name, address, data, size, code and bool(data), writable, mode, part.place(raw) if data else None
    )


def _table(part: Part, at: int, count: int, flags: int) -> tuple[int, int]:
    """Offset and rows of a section's relocations."""
    if flags & MANY_RELOCATIONS and count == 0xFFFF:
        return at + 10, max(part.number("I", at, "the number of relocations") - 1, 0)
    return at, count


def _place_symbols(layout: Layout, symbols: list[CoffSymbol]) -> None:
    outside = max((section.end for section in layout.sections.values()), default=BASE) + 0x1000 & ~0xFFF
    for symbol in symbols:
        home = layout.sections.get(symbol.section)
        if home is not None:
            layout.values[symbol.index] = home.address + symbol.value
        elif symbol.section:
            layout.values[symbol.index] = symbol.value
        else:
            outside += STEP
            layout.values[symbol.index] = outside
            layout.imports[outside] = symbol.name


def _relocate(part: Part, layout: Layout, mode: int, found: Gathering) -> None:
    """Apply every relocation; sections that have any are copied."""
    room = len(part)
    for number, (at, count) in layout.relocations.items():
        section = layout.sections[number]
        if not count or not section.data:
            continue
        room -= 10 * count
        table = part.cut(at, 10 * count, f"the relocations of {section.name!r}")
        if room < 0:
            raise PatcherError(f"The relocation tables of {part.name} overlap.")
        data = bytearray(section.data)
        for offset, symbol, kind in form("IIH").iter_unpack(table):
            target = layout.values.get(symbol)
            how = KINDS[mode].get(kind)
            if how and target is not None and offset + (8 if how[0] == WIDE else 4) <= len(data):
                _apply(data, offset, how, (target, section.address), found)
            if section.executable and (how or kind in FIELD_ONLY):
                found.fields.append(section.address + offset)
        layout.sections[number] = replace(section, data=memoryview(data).toreadonly())


def _apply(
    data: bytearray, offset: int, how: tuple[str, int], where: tuple[int, int], found: Gathering
) -> None:
    """One field: its old value is what to add. Image-relative values are addresses, as if the image were at 0."""
    kind, behind = how
    target, base = where
    size = 8 if kind == WIDE else 4
    value = int.from_bytes(data[offset : offset + size], "little", signed=True) + target
    if kind == RELATIVE:
        value -= base + offset + max(behind, 4)
    else:
        found.pointers.add(value)
    data[offset : offset + size] = (value & (1 << 8 * size) - 1).to_bytes(size, "little")


def read_object(data: bytes, name: str) -> tuple[Binary, ...]:
    """The object that a file is."""
    part = Part(memoryview(data), name)
    header = _header(part)
    if header is None:
        raise PatcherError(f"{name} is no COFF object.")
    layout = _place(part, header)
    symbols = list(coff_symbols(part, header.symbols, header.rows, header.size == BIG_HEADER))
    _place_symbols(layout, symbols)
    found = Gathering("coff", header.mode, Privilege.UNKNOWN, [], relocated=True)
    _relocate(part, layout, header.mode, found)
    found.sections += layout.sections.values()
    found.imports += layout.imports.items()
    for symbol in _of_code(symbols, layout):
        address = layout.values[symbol.index]
        found.symbols.append((address, symbol.name, 0, symbol.is_function))
        if symbol.is_function or symbol.storage == EXTERNAL:
            found.enter(address, Origin.SYMBOL, symbol.name)
    _unwind(part, layout, header.mode, found)
    binary = found.binary("", name)
    return (replace(binary, returns_never=tuple(sorted(returns_never(found).union(binary.returns_never)))),)


def _of_code(symbols: list[CoffSymbol], layout: Layout) -> Iterator[CoffSymbol]:
    """Symbols in executable sections, less the sections' own."""
    for symbol in symbols:
        home = layout.sections.get(symbol.section)
        if home is not None and home.executable and symbol.name != home.name:
            yield symbol


def _unwind(part: Part, layout: Layout, mode: int, found: Gathering) -> None:
    """Every .pdata section, which are many when each function has a section."""
    ordered = tuple(layout.sections.values())
    for section in ordered:
        if section.name.startswith(".pdata"):
            directories = ((0, 0),) * EXCEPTION + ((section.address, section.size),)
            read_unwind(Pe(part, mode, 0, 0, 0, directories, ordered, ()), found)


READER = Reader("coff", rank=75, matches=matches, read=read_object)
