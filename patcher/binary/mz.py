# SPDX-License-Identifier: GPL-2.0-or-later
"""DOS programs of the MZ kind: 16-bit code whose far pointers the loader relocates.

MS-DOS Programmer's Reference, "EXE File Header". The load module is put at linear address 0 here, so that a
far pointer's segment, not relocated yet, and its offset give an address in it.
"""

from patcher.binary.gathering import Gathering
from patcher.binary.model import Binary, Origin, Privilege, Reader, Section
from patcher.binary.part import Part
from patcher.errors import PatcherError

MAGICS = (b"MZ", b"ZM")
PAGE, PARAGRAPH, HEADER = 512, 16, 0x1C
NEW = {b"NE": "16-bit Windows or OS/2 (NE)", b"LE": "OS/2 or a Windows VxD (LE)", b"LX": "32-bit OS/2 (LX)"}
NEW_HEADER = 0x3C


def read_mz(data: bytes, name: str) -> tuple[Binary, ...]:
    """The load module of a DOS program."""
    part = Part(memoryview(data), name)
    _refuse_newer(data, name)
    last, pages, relocations, header, _, _, _, _, _, ip, cs, table = part.numbers("12H", 2, "the MZ header")
    start, end = header * PARAGRAPH, pages * PAGE - (PAGE - last if last else 0)
    if end > len(data) or start >= end:
        raise PatcherError(
            f"{name} is no DOS program that can be loaded: its code is at [{start:#x}, {end:#x}) "
            f"and the file has {len(data):#x} bytes."
        )
    module = _module(part, start, end)
    found = Gathering("mz", 16, Privilege.KERNEL, [module])
    entry = (cs * PARAGRAPH + ip) & 0xFFFFF
    if entry < module.end:
        found.enter(entry, Origin.ENTRY, "entry point")
    else:
        found.notes.append(f"The entry point {cs:04x}:{ip:04x} is outside the file.")
    _relocations(part, found, module, (table, relocations))
    return (found.binary("", name),)


def _module(part: Part, start: int, end: int) -> Section:
    """The load module at linear address 0."""
    return Section("load module", 0, part.data[start:end], end - start, True, True, 16, start)


def _relocations(part: Part, found: Gathering, module: Section, table: tuple[int, int]) -> None:
    """Every relocated word is a segment; with the word before it, it is a far pointer or no pointer at all."""
    at, count = table
    if at + 4 * count > len(part):
        found.notes.append(f"The relocation table at {at:#x} with {count} rows is not in the file.")
        return
    words = part.numbers(f"{2 * count}H", at, "the relocation table")
    for offset, segment in zip(words[::2], words[1::2], strict=True):
        field = segment * PARAGRAPH + offset
        if not 2 <= field <= module.size - 2:
            continue
        found.fields.append(field)
        far = int.from_bytes(module.data[field - 2 : field], "little")
        found.pointers.add(far + PARAGRAPH * int.from_bytes(module.data[field : field + 2], "little"))


def _refuse_newer(data: bytes, name: str) -> None:
    at = int.from_bytes(data[NEW_HEADER : NEW_HEADER + 4], "little")
    kind = NEW.get(data[at : at + 2]) if at >= NEW_HEADER + 4 else None
    if kind:
        raise PatcherError(f"{name} is a program for {kind}, which is not read.")


def matches(data: bytes) -> bool:
    return len(data) >= HEADER and data[:2] in MAGICS


READER = Reader("mz", rank=60, matches=matches, read=read_mz)
