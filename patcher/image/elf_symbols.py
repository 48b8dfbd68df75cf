# SPDX-License-Identifier: GPL-2.0-or-later
"""The symbol table of an ELF file: names for addresses, for reports and for where code begins.

A hostile table may name the same long string from every row. The names together may therefore take no more
room than the file itself; a real string table is shared by suffixes only and stays far below that.
"""

import struct
from collections.abc import Iterator

from patcher.errors import PatcherError
from patcher.image.model import Symbol
from patcher.x86.address import Gva

SHT_SYMTAB = 2
STT_FUNC, STT_SECTION, STT_FILE = 2, 3, 4
SHN_UNDEF = 0
MAX_NAME = 4096
"""The longest symbol name that is taken, in bytes (C++ reaches a few thousand)."""


def read_symbols(
    data: bytes, bits: int, shoff: int, shentsize: int, shnum: int, name: str
) -> tuple[Symbol, ...]:
    """Every defined symbol with a name, by address. A file without sections or symbol table has none."""
    if not shoff or not shnum:
        return ()
    size = 40 if bits == 32 else 64
    if shentsize != size or shoff + shnum * size > len(data):
        raise PatcherError(
            f"The {shnum} section headers of {name}, {shentsize} bytes each at file offset {shoff:#x}, "
            f"are not inside its {len(data):#x} bytes."
        )
    sections = [_section(data, bits, shoff + index * size) for index in range(shnum)]
    for kind, offset, length, link in sections:
        if kind == SHT_SYMTAB:
            return _table(data, bits, (offset, length), _strings(sections, link, name), name)
    return ()


def _section(data: bytes, bits: int, at: int) -> tuple[int, int, int, int]:
    """Type, file offset, size and link of one section header."""
    kind = struct.unpack_from("<I", data, at + 4)[0]
    if bits == 32:
        return kind, *struct.unpack_from("<3I", data, at + 16)
    offset, length, link = struct.unpack_from("<2QI", data, at + 24)
    return kind, offset, length, link


def _strings(sections: list[tuple[int, int, int, int]], link: int, name: str) -> tuple[int, int]:
    if link >= len(sections):
        raise PatcherError(
            f"The symbol table of {name} names section {link} of {len(sections)} as its strings."
        )
    return sections[link][1:3]


def _table(
    data: bytes, bits: int, table: tuple[int, int], strings: tuple[int, int], name: str
) -> tuple[Symbol, ...]:
    for what, (offset, length) in (("symbol table", table), ("symbol names", strings)):
        if offset + length > len(data):
            raise PatcherError(
                f"{name} is truncated: its {what} is at file offset {offset:#x} with {length:#x} bytes, "
                f"and the file ends at {len(data):#x}."
            )
    return tuple(sorted(_symbols(_rows(data, bits, table), data, strings, name)))


def _rows(data: bytes, bits: int, table: tuple[int, int]) -> Iterator[tuple[int, int, int, int, int]]:
    """String offset, value, size, info and section of every row, of either class."""
    form = struct.Struct("<IIIBBH" if bits == 32 else "<IBBHQQ")
    end = table[0] + table[1] // form.size * form.size
    for row in form.iter_unpack(memoryview(data)[table[0] : end]):
        if bits == 32:
            at, value, size, info, _, section = row
        else:
            at, info, _, section, value, size = row
        yield at, value, size, info, section


def _symbols(
    rows: Iterator[tuple[int, int, int, int, int]], data: bytes, strings: tuple[int, int], name: str
) -> Iterator[Symbol]:
    budget = len(data)
    for at, value, size, info, section in rows:
        if section == SHN_UNDEF or info & 15 in (STT_SECTION, STT_FILE) or at >= strings[1]:
            continue
        text = _string(data, strings[0] + at, strings[0] + strings[1])
        budget -= len(text)
        if budget < 0:
            raise PatcherError(
                f"The symbol names of {name} take more room than the file: its symbol table is damaged."
            )
        if text:
            yield Symbol(Gva(value), text, size, info & 15 == STT_FUNC)


def _string(data: bytes, start: int, end: int) -> str:
    limit = min(end, start + MAX_NAME)
    stop = data.find(b"\0", start, limit)
    return data[start : limit if stop < 0 else stop].decode("utf-8", "replace")
