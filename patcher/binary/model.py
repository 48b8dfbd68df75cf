# SPDX-License-Identifier: GPL-2.0-or-later
"""What an audit reads a file into: a `Binary`, and the `Reader` that a format declares.

`patcher.image` reads what can be launched; this package reads whatever holds x86 code. Nothing here copies
file contents: a section's `data` is a view of the file, or of what was unpacked from it.
"""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from patcher.image.model import Symbol

__all__ = ["Binary", "Entry", "Function", "Origin", "Privilege", "Reader", "Rewritten", "Section", "Symbol"]


class Origin(Enum):
    """What makes an address the start of an instruction."""

    ENTRY = "entry point"
    PROTOCOL = "boot protocol"
    INIT = "init array"
    SYMBOL = "function symbol"
    EXPORT = "export"
    UNWIND = "unwind table"
    EXCEPTION = "exception table"
    RELOCATION = "relocation"


class Privilege(Enum):
    """Where the code expects to run."""

    USER = "user"  # CPL 3
    KERNEL = "kernel"  # CPL 0
    FIRMWARE = "firmware"  # CPL 0 from reset or a boot protocol on
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, order=True)
class Entry:
    """An address at which code starts, in a mode (16, 32 or 64), and why that is believed."""

    address: int
    mode: int
    origin: Origin
    name: str = ""


@dataclass(frozen=True, slots=True, order=True)
class Function:
    """A function's extent `[start, end)`, from unwind data or from a symbol's size."""

    start: int
    end: int
    name: str = ""


@dataclass(frozen=True, slots=True, order=True)
class Rewritten:
    """Code `[start, end)` that the program itself rewrites when it runs, and by which of its tables.

    `size` bytes from `source` on are what it copies there, where its file has them; what they leave of the range
    becomes no-ops, so control then comes to `end`. `leads` are where else control may go from `start` once it is
    rewritten.
    """

    start: int
    end: int
    table: str
    source: int = 0
    size: int = 0
    leads: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """Bytes that are in memory together at `[address, address + size)`; what `data` does not cover is zero.

    `file_offset` is that of the first byte in the file that a user holds; None for what was unpacked. `mode`
    is that of its code when nothing else tells.
    """

    name: str
    address: int
    data: memoryview
    size: int
    executable: bool
    writable: bool
    mode: int
    file_offset: int | None

    @property
    def end(self) -> int:
        return self.address + self.size


@dataclass(frozen=True, slots=True)
class Binary:
    """One program in a file.

    `name` says where in the file: "" for all of it, "setup" or "payload" for parts of a bzImage. `sections`
    do not overlap and are sorted by address; relocatable objects are laid out and relocated already.
    `entries`, `symbols`, `functions` and `rewritten` are sorted. `pointers` are the sorted addresses inside
    executable sections that relocations or pointer tables name without saying that code is there (a jump
    table's targets, for one). `fields` are the sorted addresses of bytes inside code that a relocation fills
    in (field starts); no opcode lies there. `returns_never` are sorted addresses of functions known not to
    return (by name: exit, abort, panic, …), and of the PLT entries and GOT slots that lead to one. `imports`
    name the addresses, outside every section, that stand for what an object leaves to its linker, and in PE
    images the pointers through which imports are called; sorted. `release` is the version of Linux that it is, or was
    built for: (6, 1); (0, 0) when nothing tells. `relocated`: relocations name every address that it holds, so that
    no other word is one. `unread` are the tables by which it rewrites its code that are in no
    known form.
    """

    name: str
    format: str
    mode: int
    privilege: Privilege
    sections: tuple[Section, ...]
    entries: tuple[Entry, ...]
    symbols: tuple[Symbol, ...] = ()
    functions: tuple[Function, ...] = ()
    rewritten: tuple[Rewritten, ...] = ()
    pointers: tuple[int, ...] = ()
    fields: tuple[int, ...] = ()
    returns_never: tuple[int, ...] = ()
    imports: tuple[Symbol, ...] = ()
    notes: tuple[str, ...] = ()
    release: tuple[int, int] = (0, 0)
    unread: tuple[str, ...] = ()
    relocated: bool = False

    def section_at(self, address: int) -> Section | None:
        """The section that holds an address."""
        index = bisect_right(self.sections, address, key=lambda section: section.address) - 1
        if index < 0 or address >= self.sections[index].end:
            return None
        return self.sections[index]

    def symbol_at(self, address: int) -> Symbol | None:
        """The nearest symbol at or below an address."""
        index = bisect_right(self.symbols, address, key=lambda symbol: symbol.address)
        return self.symbols[index - 1] if index else None


@dataclass(frozen=True, slots=True)
class Reader:
    """A row of the registry: one file of this package each, named `READER` there.

    `matches` tells by contents alone, answers for any bytes and raises nothing. `read` takes the contents and
    a name for sentences, and returns every program in the file or raises a `PatcherError`; its time and
    memory grow with the file.
    """

    name: str
    rank: int
    matches: Callable[[bytes], bool]
    read: Callable[[bytes, str], tuple[Binary, ...]]
