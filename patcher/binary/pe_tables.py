# SPDX-License-Identifier: GPL-2.0-or-later
"""The tables of a PE image that name code: exports, TLS callbacks, load configuration, base relocations.

Microsoft, "PE Format": "The .edata Section", "The .tls Section", "The Load Configuration Structure",
"The .reloc Section".
"""

from patcher.binary.gathering import Gathering
from patcher.binary.model import Origin
from patcher.binary.part import form
from patcher.binary.pe_headers import BASE_RELOCATION, EXPORT, LOAD_CONFIG, TLS, Pe
from patcher.errors import PatcherError

RELOCATION_SIZES = {1: 2, 2: 2, 3: 4, 10: 8}
"""IMAGE_REL_BASED_HIGH, LOW, HIGHLOW, DIR64 and how many bytes they fill in; type 0 is padding."""
SAFE_SEH = {32: 64}
"""Offset of SEHandlerTable in the load configuration; 64-bit code has unwind tables instead."""
GUARD_TABLE = {32: 80, 64: 128}
"""Offset of GuardCFFunctionTable; its count and GuardFlags follow."""


def read_exports(pe: Pe, found: Gathering) -> None:
    """Exported functions; what is exported from outside executable sections is data, or forwarded."""
    rva, size = pe.directory(EXPORT)
    if not rva:
        return
    count, names, functions, texts, ordinals = pe.numbers("20x5I", rva, "The export directory")
    addresses = pe.rows("I", functions, count, "The export address table")
    for index, name in _export_names(pe, names, texts, ordinals).items():
        if index < count:
            _export(pe, found, addresses[index][0], name, range(rva, rva + size))
    for (address,) in addresses:
        if address and not rva <= address < rva + size:
            found.enter(pe.base + address, Origin.EXPORT)


def _export(pe: Pe, found: Gathering, rva: int, name: str, forwarders: range) -> None:
    if rva in forwarders:
        return
    found.symbols.append((pe.base + rva, name, 0, True))


def _export_names(pe: Pe, names: int, texts: int, ordinals: int) -> dict[int, str]:
    """Index in the address table to name. All names together may take no more room than the file."""
    if not names:
        return {}
    rows = zip(
        pe.rows("H", ordinals, names, "The export ordinal table"),
        pe.rows("I", texts, names, "The export name table"),
        strict=True,
    )
    room, result = len(pe.part), {}
    for (index,), (text,) in rows:
        result[index] = pe.text(text)
        room -= len(result[index])
        if room < 0:
            raise PatcherError(f"The export names of {pe.name} take more room than the file.")
    return result


def read_tls(pe: Pe, found: Gathering) -> None:
    """Callbacks that run before the entry point: a zero-terminated array of addresses."""
    rva, _ = pe.directory(TLS)
    if not rva:
        return
    layout, width = ("24xQ", 8) if pe.mode == 64 else ("12xI", 4)
    (array,) = pe.numbers(layout, rva, "The TLS directory")
    tail = pe.tail(array - pe.base) if array >= pe.base else memoryview(b"")
    for (callback,) in form("Q" if width == 8 else "I").iter_unpack(tail[: len(tail) // width * width]):
        if not callback or not pe.is_code(callback):
            break
        found.enter(callback, Origin.INIT, "TLS callback")


def read_load_config(pe: Pe, found: Gathering) -> None:
    """SafeSEH's registered exception handlers, and the targets that Control Flow Guard lets calls reach."""
    rva, _ = pe.directory(LOAD_CONFIG)
    if not rva:
        return
    (size,) = pe.numbers("I", rva, "The load configuration")
    if pe.mode == 32 and size >= SAFE_SEH[32] + 8:
        table, count = pe.numbers("64x2I", rva, "The SafeSEH fields")
        _targets(pe, found, table, count, 4, Origin.EXCEPTION)
    at, layout = GUARD_TABLE[pe.mode], "2QI" if pe.mode == 64 else "3I"
    if size >= at + form(layout).size:
        table, count, flags = pe.numbers(f"{at}x{layout}", rva, "The Control Flow Guard fields")
        _targets(pe, found, table, count, 4 + (flags >> 28), Origin.EXPORT)


def _targets(pe: Pe, found: Gathering, table: int, count: int, stride: int, origin: Origin) -> None:
    """A table of RVAs, each followed by `stride` - 4 bytes about it."""
    if not table or not count:
        return
    if table < pe.base:
        raise PatcherError(
            f"The load configuration of {pe.name} names a table at {table:#x}, below its image."
        )
    for (target,) in pe.rows(f"I{stride - 4}x", table - pe.base, count, "The guard function table"):
        found.enter(pe.base + target, origin)


def read_relocations(pe: Pe, found: Gathering) -> None:
    """Base relocations: fields inside code, and what the filled-in addresses point to."""
    rva, size = pe.directory(BASE_RELOCATION)
    tail = pe.tail(rva)[:size] if rva else memoryview(b"")
    targets: set[int] = set()
    at = 0
    while at + 8 <= len(tail):
        page, length = form("II").unpack_from(tail, at)
        if length < 8:
            break
        block = tail[at + 8 : min(at + length, len(tail)) & ~1]
        _relocate(pe, found, page, memoryview(bytes(block)[: len(block) & ~1]).cast("H").tolist(), targets)
        at += length
    found.pointers |= targets
    found.relocated = bool(targets)


def _relocate(pe: Pe, found: Gathering, page: int, rows: list[int], targets: set[int]) -> None:
    """One block: rows of a type (4 bits) and an offset in the page (12 bits)."""
    for row in rows:
        size = RELOCATION_SIZES.get(row >> 12, 0)
        if not size:
            continue
        rva = page + (row & 0xFFF)
        section = pe.section_of(rva)
        if section is None:
            continue
        if section.executable:
            found.fields.append(pe.base + rva)
        start = pe.base + rva - section.address
        if size > 2:
            targets.add(int.from_bytes(section.data[start : start + size], "little"))


def read_entry(pe: Pe, found: Gathering) -> None:
    """The entry point. A DLL may have none; elsewhere than in code it is noted."""
    if not pe.entry:
        return
    found.enter(pe.base + pe.entry, Origin.ENTRY, "entry point")
    if not pe.is_code(pe.base + pe.entry):
        found.notes.append(f"The entry point {pe.base + pe.entry:#x} is in no executable section.")


def first_names(found: Gathering) -> dict[int, str]:
    """Function symbols by address, for tables that have no names."""
    return {
        address: name for address, name, _, is_function in sorted(found.symbols, reverse=True) if is_function
    }
