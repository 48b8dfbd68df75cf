# SPDX-License-Identifier: GPL-2.0-or-later
"""PE32 and PE32+ images for x86 and x86-64: programs, libraries, drivers of Windows, applications of UEFI.

What the file says about code is read by the modules `pe_*` beside this one. A damaged table is noted and the
rest is used, as loaders do.
"""

from dataclasses import replace

from patcher.binary.coff_symbols import EXTERNAL, LABEL, STATIC, coff_symbols
from patcher.binary.gathering import Gathering
from patcher.binary.model import Binary, Origin, Privilege, Reader
from patcher.binary.part import Part
from patcher.binary.pe_headers import CLR, Pe, header_offset, read_headers
from patcher.binary.pe_imports import libraries, read_imports, returns_never
from patcher.binary.pe_tables import read_entry, read_exports, read_load_config, read_relocations, read_tls
from patcher.binary.pe_unwind import read_unwind
from patcher.errors import PatcherError

NATIVE = 1
FIRMWARE = frozenset({10, 11, 12, 13, 16})
"""Subsystems: EFI application, boot and run-time driver, EFI ROM, Windows boot application."""
NAMES = frozenset({EXTERNAL, STATIC, LABEL})
IL_ONLY = 1
"""Flag of the CLR header: no native code (ECMA-335, partition II, 25.3.3.1)."""


def _read_symbols(pe: Pe, found: Gathering) -> None:
    """COFF symbols that lie in code."""
    at, rows = pe.symbol_table
    if not at or not rows:
        return
    tops = pe.section_addresses
    for symbol in coff_symbols(pe.part, at, rows):
        if not 0 < symbol.section <= len(tops) or symbol.storage not in NAMES or symbol.name.startswith("."):
            continue
        address = tops[symbol.section - 1] + symbol.value
        if not pe.is_code(address):
            continue
        found.symbols.append((address, symbol.name, 0, symbol.is_function))
        if symbol.is_function:
            found.enter(address, Origin.SYMBOL, symbol.name)


def privilege(pe: Pe) -> Privilege:
    """NATIVE images are drivers and kernels, but for the few programs that run on ntdll alone."""
    if pe.subsystem in FIRMWARE:
        return Privilege.FIRMWARE
    if pe.subsystem != NATIVE:
        return Privilege.USER
    return Privilege.USER if "ntdll.dll" in libraries(pe) else Privilege.KERNEL


_TABLES = (
    read_entry, read_exports, _read_symbols, read_tls, read_load_config, read_unwind, read_relocations, read_imports,
)  # fmt: skip


def read_image(pe: Pe, place: str, kind: str) -> Binary:
    """A PE or TE image with all its tables; `place` says where it is in the user's file."""
    if _managed(pe):
        return _without_code(pe, place, kind)
    found = Gathering(kind, pe.mode, privilege(pe), list(pe.sections))
    for table in _TABLES:
        try:
            table(pe, found)
        except PatcherError as error:
            found.notes.append(str(error))
    binary = found.binary(place, pe.name)
    never = sorted(returns_never(found).union(binary.returns_never))
    return replace(binary, returns_never=tuple(never))


def _managed(pe: Pe) -> bool:
    rva, _ = pe.directory(CLR)
    tail = pe.tail(rva) if rva else memoryview(b"")
    return len(tail) >= 20 and bool(tail[16] & IL_ONLY)


def _without_code(pe: Pe, place: str, kind: str) -> Binary:
    """.NET programs: what their code sections hold is for a virtual machine, not for the processor."""
    note = "It holds .NET intermediate language only, which is compiled when it runs."
    sections = tuple(replace(section, executable=False) for section in pe.sections)
    return Binary(place, kind, pe.mode, Privilege.USER, sections, (), notes=(note,))


def read_pe_part(part: Part, place: str = "") -> Binary:
    """The PE image in a part of a file."""
    return read_image(read_headers(part), place, "pe")


def read_pe(data: bytes, name: str) -> tuple[Binary, ...]:
    """The PE image that a file is."""
    return (read_pe_part(Part(memoryview(data), name)),)


READER = Reader("pe", rank=50, matches=lambda data: header_offset(data) is not None, read=read_pe)
