# SPDX-License-Identifier: GPL-2.0-or-later
"""What a Mach-O slice says about its code: entry, initializers, function starts, symbols, exports, data in code.

Apple, mach-o/loader.h and mach-o/nlist.h; the trie of exports is described in dyld's launch-cache/MachOTrie.hpp.
"""

from collections.abc import Callable, Iterator

from patcher.binary.gathering import Gathering
from patcher.binary.macho_headers import MachO
from patcher.binary.model import Origin
from patcher.binary.part import form, text_at
from patcher.errors import PatcherError

SYMTAB, UNIXTHREAD, DYSYMTAB, DYLD_INFO, FUNCTION_STARTS = 0x02, 0x05, 0x0B, 0x22, 0x26
MAIN, DATA_IN_CODE, EXPORTS_TRIE = 0x28, 0x29, 0x33
"""Kinds of load commands, less the bit that says "must understand"."""
REGISTERS = {32: (16 + 4 * 10, "I"), 64: (16 + 8 * 16, "Q")}
"""Offset of eip (i386_THREAD_STATE) or rip (x86_THREAD_STATE64) in LC_UNIXTHREAD."""
INIT_POINTERS, TERM_POINTERS, INIT_OFFSETS = 9, 10, 0x16
POINTERS = 0x3_FFFF_FFFF
"""A pointer's value, where dyld's chained fixups use the bits above (DYLD_CHAINED_PTR_64)."""
STAB, TYPE, IN_SECTION = 0xE0, 0x0E, 0x0E
MAX_NAME = 4096
KIND_MASK, ABSOLUTE, REEXPORT = 3, 2, 8


def _entry(file: MachO, found: Gathering) -> None:
    """LC_MAIN gives a file offset, LC_UNIXTHREAD the registers at the start."""
    for command in file.table(MAIN):
        found.enter(file.text + file.part.number("Q", command.at + 8, "LC_MAIN"), Origin.ENTRY, "entry point")
    for command in file.table(UNIXTHREAD):
        at, width = REGISTERS[file.mode]
        found.enter(file.part.number(width, command.at + at, "LC_UNIXTHREAD"), Origin.ENTRY, "entry point")


def _initializers(file: MachO, found: Gathering) -> None:
    """Arrays of functions that dyld calls before main, and at the end."""
    for section in file.sections:
        kind = file.contents[section.address].kind
        if kind in (INIT_POINTERS, TERM_POINTERS):
            layout = "Q" if file.mode == 64 else "I"
            whole = len(section.data) // form(layout).size * form(layout).size
            for (target,) in form(layout).iter_unpack(section.data[:whole]):
                plain = target if file.is_code(target) else target & POINTERS
                found.enter(plain if file.is_code(plain) else file.text + plain, Origin.INIT)
        elif kind == INIT_OFFSETS:
            for (offset,) in form("I").iter_unpack(section.data[: len(section.data) & ~3]):
                found.enter(file.text + offset, Origin.INIT)


def _function_starts(file: MachO, found: Gathering) -> None:
    """Differences between the addresses of functions, the first one from __TEXT; a zero ends them."""
    for command in file.table(FUNCTION_STARTS):
        at, size = file.part.numbers("II", command.at + 8, "LC_FUNCTION_STARTS")
        address = file.text
        for step in _numbers(file.part.cut(at, size, "the function starts")):
            if not step:
                break
            address += step
            if file.is_code(address):
                found.enter(address, Origin.UNWIND)


def _numbers(data: memoryview) -> Iterator[int]:
    """ULEB128 numbers."""
    value = shift = 0
    for byte in data:
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            yield value
            value = shift = 0
        elif shift > 63:
            return


def _symbols(file: MachO, found: Gathering) -> None:
    """Symbols of code. Mach-O does not tell functions from labels; compilers leave local labels out."""
    for command in file.table(SYMTAB):
        at, count, strings, size = file.part.numbers("4I", command.at + 8, "LC_SYMTAB")
        layout = "IBBhQ" if file.mode == 64 else "IBBhI"
        table = file.part.cut(at, count * form(layout).size, "the symbol table")
        names, room = file.part.cut(strings, size, "the symbol names"), 2 * len(file.part)
        for text, kind, _, _, address in form(layout).iter_unpack(table):
            if kind & STAB or kind & TYPE != IN_SECTION or not file.is_code(address):
                continue
            name = text_at(names, text, MAX_NAME)
            room -= len(name)
            if room < 0:
                raise PatcherError(f"The symbol names of {file.name} take more room than the file.")
            found.symbols.append((address, name, 0, True))
            found.enter(address, Origin.SYMBOL, name)


def _stubs(file: MachO, found: Gathering) -> None:
    """Names of the functions that stubs jump to: a row of the indirect symbol table each."""
    for command, symbols in zip(file.table(DYSYMTAB), file.table(SYMTAB), strict=False):
        at, count = file.part.numbers("II", command.at + 56, "LC_DYSYMTAB")
        rows = form("I").iter_unpack(file.part.cut(at, 4 * count, "the indirect symbol table"))
        indirect = [row for (row,) in rows]
        table, number, strings, _ = file.part.numbers("4I", symbols.at + 8, "LC_SYMTAB")
        width, room = 16 if file.mode == 64 else 12, 2 * len(file.part)
        for section in file.sections:
            what = file.contents[section.address]
            count = len(section.data) // what.size if what.size else 0
            for index, row in enumerate(indirect[what.first : what.first + count]):
                if row < number:
                    text = file.part.number("I", table + row * width, "the symbol table")
                    name = text_at(file.part.data, strings + text, MAX_NAME)
                    room -= len(name)
                    if room < 0:
                        raise PatcherError(f"The names of {file.name}'s stubs take more room than the file.")
                    found.symbols.append((section.address + index * what.size, name, what.size, True))


def _exports(file: MachO, found: Gathering) -> None:
    """The trie of exported names."""
    for command in file.table(DYLD_INFO):
        _trie(file, found, *file.part.numbers("II", command.at + 40, "LC_DYLD_INFO"))
    for command in file.table(EXPORTS_TRIE):
        _trie(file, found, *file.part.numbers("II", command.at + 8, "LC_DYLD_EXPORTS_TRIE"))


def _trie(file: MachO, found: Gathering, at: int, size: int) -> None:
    """Every node once: a node that is reached twice, or names longer than the file, end it with a sentence."""
    data = file.part.cut(at, size, "the exports")
    waiting, seen, room = [(0, "")] if size else [], {0}, 4 * len(file.part)
    while waiting:
        node, name = waiting.pop()
        length, node = _number(data, node)
        if length:
            flags, after = _number(data, node)
            offset, _ = _number(data, after)
            if not flags & REEXPORT and flags & KIND_MASK != ABSOLUTE and file.is_code(file.text + offset):
                found.symbols.append((file.text + offset, name, 0, True))
                found.enter(file.text + offset, Origin.EXPORT, name)
        for child, label in _children(data, node + length):
            room -= len(name) + len(label)
            if child in seen or room < 0:
                raise PatcherError(f"The exports of {file.name} are no tree.")
            seen.add(child)
            waiting.append((child, name + label))


def _children(data: memoryview, at: int) -> Iterator[tuple[int, str]]:
    count = data[at] if at < len(data) else 0
    at += 1
    for _ in range(count):
        label = bytes(data[at : at + MAX_NAME]).split(b"\0", 1)[0]
        child, at = _number(data, at + len(label) + 1)
        yield child, label.decode("utf-8", "replace")


def _number(data: memoryview, at: int) -> tuple[int, int]:
    """A ULEB128 number and the offset behind it; zero behind the end."""
    piece = data[at : at + 10]
    for index, byte in enumerate(piece):
        if byte < 0x80:
            return next(_numbers(piece), 0), at + index + 1
    return 0, at + len(piece) + 1


def data_in_code(file: MachO, found: Gathering) -> Iterator[tuple[int, int]]:
    """Addresses `[start, end)` of jump tables and other data that the linker knows of inside code."""
    for command in file.table(DATA_IN_CODE):
        try:
            at, size = file.part.numbers("II", command.at + 8, "LC_DATA_IN_CODE")
            table = file.part.cut(at, size & ~7, "the table of data in code")
        except PatcherError as error:
            found.notes.append(str(error))
            return
        for offset, length, _ in form("IHH").iter_unpack(table):
            yield file.text + offset, file.text + offset + length


TABLES: tuple[Callable[[MachO, Gathering], None], ...] = (
    _entry,
    _initializers,
    _symbols,
    _stubs,
    _exports,
    _function_starts,
)
