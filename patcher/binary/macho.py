# SPDX-License-Identifier: GPL-2.0-or-later
"""Mach-O programs, libraries and kernels: their x86 and x86-64 slices.

Apple, mach-o/loader.h, mach-o/nlist.h. Slices for other processors are left out; a file with no other gets a
sentence. Names of C functions keep their underscore.
"""

from collections.abc import Iterator
from dataclasses import replace

from patcher.binary.gathering import Gathering
from patcher.binary.macho_headers import (
    FAT,
    FAT_64,
    MAGICS,
    MODES,
    MOST_SLICES,
    PROCESSORS,
    MachO,
    read_headers,
    slices,
    without_data,
)
from patcher.binary.macho_tables import TABLES, data_in_code
from patcher.binary.model import Binary, Privilege, Reader
from patcher.binary.noreturn import never_returns
from patcher.binary.part import Part, text_at
from patcher.errors import PatcherError

EXECUTE, KEXT, FILESET = 2, 11, 12
FILESET_ENTRY = 0x35
LOAD_DYLINKER = 0x0E
KERNEL_SEGMENTS = frozenset({"__KLD", "__HIB", "__PRELINK_TEXT", "__VECTORS"})
NEVER = frozenset(
    {"_panic", "___stack_chk_fail", "___cxa_throw", "__exit", "_objc_exception_throw", "___assert_rtn"}
)


def privilege(file: MachO) -> Privilege:
    """Kernel extensions, collections of them, and the kernel: an executable without a dynamic linker."""
    if file.file_type == KEXT:
        return Privilege.KERNEL
    linked = next(file.of_kind(LOAD_DYLINKER), None) is not None
    kernel = file.file_type == EXECUTE and not linked and {row[0] for row in file.segments} & KERNEL_SEGMENTS
    return Privilege.KERNEL if kernel else Privilege.USER


def read_slice(part: Part, place: str) -> Iterator[Binary]:
    """The programs of one slice: one, but for collections of kernel extensions."""
    file = read_headers(part)
    if file.file_type != FILESET:
        yield _program(file, place)
        return
    room = 4 * len(part)
    for command in file.of_kind(FILESET_ENTRY):
        at, name = part.numbers("QI", command.at + 16, "LC_FILESET_ENTRY")
        inner = read_headers(part, at)
        room -= inner.cost
        if room < 0:
            raise PatcherError(f"The programs in {part.name} share more of it than a collection does.")
        label = text_at(part.data, command.at + name, command.size)
        yield _program(inner, f"{place} {label}".strip())


def _program(file: MachO, place: str) -> Binary:
    """One program with all its tables; a damaged table is noted and the rest is used."""
    found = Gathering("mach-o", file.mode, privilege(file), list(file.sections))
    for table in TABLES:
        try:
            table(file, found)
        except PatcherError as error:
            found.notes.append(str(error))
    spans = sorted(data_in_code(file, found))
    found.sections = [piece for section in file.sections for piece in without_data(section, spans)]
    binary = found.binary(place, file.name)
    named = {symbol.address for symbol in binary.symbols if symbol.is_function and _never(symbol.name)}
    return replace(binary, returns_never=tuple(sorted(named.union(binary.returns_never))))


def _never(name: str) -> bool:
    return name in NEVER or (name.startswith("_") and never_returns(name[1:]))


def read_macho(data: bytes, name: str) -> tuple[Binary, ...]:
    """Every x86 slice."""
    found: list[Binary] = []
    others: list[str] = []
    room = 2 * len(data)
    for cpu, part in slices(Part(memoryview(data), name)):
        room -= len(part)
        if room < 0:
            raise PatcherError(f"The slices of {name} overlap.")
        if cpu in MODES:
            found += read_slice(part, "" if len(part) == len(data) else f"{MODES[cpu]}-bit slice")
        else:
            others.append(PROCESSORS.get(cpu, f"processor {cpu:#x}"))
    if not found:
        raise PatcherError(
            f"{name} is a Mach-O file for {', '.join(others) or 'no processor at all'}, not for x86."
        )
    if others:
        note = f"Its slices for other processors are left out: {', '.join(others)}."
        found[0] = replace(found[0], notes=(*found[0].notes, note))
    return tuple(found)


def matches(data: bytes) -> bool:
    if data[:4] in (FAT, FAT_64):
        return 0 < int.from_bytes(data[4:8], "big") <= MOST_SLICES
    return data[:4] in MAGICS


READER = Reader("mach-o", rank=45, matches=matches, read=read_macho)
