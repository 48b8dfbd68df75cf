# SPDX-License-Identifier: GPL-2.0-or-later
"""Headers of Mach-O files: fat archives' slices, load commands, segments and their sections.

Apple, mach-o/loader.h and mach-o/fat.h.
"""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

from patcher.binary.layout import apart, is_code, section_at
from patcher.binary.model import Section
from patcher.binary.part import Part, text_at
from patcher.errors import PatcherError

MAGICS = {b"\xce\xfa\xed\xfe": 32, b"\xcf\xfa\xed\xfe": 64}
FAT, FAT_64 = b"\xca\xfe\xba\xbe", b"\xca\xfe\xba\xbf"
MODES = {7: 32, 0x0100_0007: 64}
PROCESSORS = {12: "Arm", 0x0100_000C: "AArch64", 0x0200_000C: "AArch64 (32-bit pointers)", 18: "PowerPC",
              0x0100_0012: "PowerPC64"}  # fmt: skip
MOST_SLICES = 32
"""A Java class file has the fat magic too; where a fat file counts its slices it has its version, 45 or more."""
SEGMENT, SYMTAB, SEGMENT_64 = 0x01, 0x02, 0x19
EXECUTE, WRITE = 4, 2
PURE_CODE, SOME_CODE = 0x8000_0000, 0x400
STUBS = 8
ZERO_FILL = frozenset({1, 12, 18})
"""Section types S_ZEROFILL, S_GB_ZEROFILL, S_THREAD_LOCAL_ZEROFILL."""


@dataclass(frozen=True, slots=True)
class Command:
    """A load command; `at` is its offset."""

    kind: int
    at: int
    size: int


@dataclass(frozen=True, slots=True)
class Contents:
    """A section's type; for stubs, their first row in the indirect symbol table and the size of each."""

    kind: int
    first: int = 0
    size: int = 0


@dataclass(frozen=True, slots=True)
class MachO:
    """One program. `contents` says what its sections hold, by their addresses."""

    part: Part
    mode: int
    file_type: int
    commands: tuple[Command, ...]
    segments: tuple[tuple[str, int, int, int, int], ...]
    """Name, address, size in memory, file offset and size in the file."""
    sections: tuple[Section, ...]
    contents: dict[int, "Contents"]

    @property
    def name(self) -> str:
        return self.part.name

    @property
    def cost(self) -> int:
        """Bytes of the file that reading it looks at: its sections and its symbol table."""
        symbols = sum(self.part.number("I", row.at + 12, "LC_SYMTAB") for row in self.table(SYMTAB))
        return sum(len(section.data) for section in self.sections) + 12 * symbols

    @property
    def text(self) -> int:
        """Address of __TEXT, which file offsets of code and function starts are relative to."""
        return next((row[1] for row in self.segments if row[0] == "__TEXT"), 0)

    def of_kind(self, kind: int) -> Iterator[Command]:
        """Load commands of a kind; the "must understand" bit does not matter."""
        return (command for command in self.commands if command.kind & 0x7FFF_FFFF == kind)

    def table(self, kind: int) -> tuple[Command, ...]:
        """The load command of a kind that a program has once; what repeats it is left out."""
        return tuple(islice(self.of_kind(kind), 1))

    def is_code(self, address: int) -> bool:
        return is_code(self.sections, address)

    def section_at(self, address: int) -> Section | None:
        return section_at(self.sections, address)


def slices(part: Part) -> Iterator[tuple[int, Part]]:
    """CPU type and contents of each slice; a thin file is one."""
    magic = bytes(part.data[:4])
    if magic in MAGICS:
        yield part.number("I", 4, "the Mach-O header"), part
        return
    layout, size = (">2I2Q", 32) if magic == FAT_64 else (">4I", 20)
    for index in range(part.number(">I", 4, "the fat header")):
        cpu, _, start, length = part.numbers(layout, 8 + index * size, "the table of slices")
        yield cpu, part.inner(start, length, f"slice {index}")


def read_headers(part: Part, at: int = 0) -> MachO:
    """Load commands and sections of the program whose header is at an offset (a slice may hold several)."""
    bits = MAGICS.get(bytes(part.data[at : at + 4]))
    cpu, _, file_type, count, size = part.numbers("5I", at + 4, "the Mach-O header")
    if bits is None or cpu not in MODES:
        what = PROCESSORS.get(cpu, "an unknown processor")
        raise PatcherError(f"{part.name} is a Mach-O file for {what}, not for x86.")
    start = at + (32 if bits == 64 else 28)
    part.cut(start, size, "the table of load commands")
    commands = tuple(_commands(part, start, start + size, count))
    segments: list[tuple[str, int, int, int, int]] = []
    sections: list[Section] = []
    contents: dict[int, Contents] = {}
    for command in commands:
        if command.kind in (SEGMENT, SEGMENT_64):
            row, found = _segment(part, command, MODES[cpu])
            segments.append(row)
            sections += [section for section, _ in found]
            contents.update((section.address, what) for section, what in found)
    ordered = apart(sections, part.name, len(part))
    return MachO(part, MODES[cpu], file_type, commands, tuple(segments), ordered, contents)


def _commands(part: Part, at: int, end: int, count: int) -> Iterator[Command]:
    for index in range(count):
        kind, size = part.numbers("II", at, "a load command")
        if size < 8 or at + size > end:
            raise PatcherError(
                f"Load command {index} of {part.name} has {size:#x} bytes, and {end - at:#x} are left for it."
            )
        yield Command(kind, at, size)
        at += size


def _segment(
    part: Part, command: Command, mode: int
) -> tuple[tuple[str, int, int, int, int], list[tuple[Section, Contents]]]:
    """A segment's row, and its sections with their types; a segment without sections is one itself."""
    wide = command.kind == SEGMENT_64
    name = text_at(part.data, command.at + 8, 16)
    address, size, offset, length, _, rights, count, _ = part.numbers(
        "4Q4I" if wide else "8I", command.at + 24, f"the segment {name!r}"
    )
    row = (name, address, size, offset, length)
    if address + size > 1 << 64:
        raise PatcherError(f"The segment {name!r} of {part.name} reaches past the end of 64-bit addresses.")
    start, step = command.at + (72 if wide else 56), 80 if wide else 68
    part.cut(start, count * step, f"the sections of {name!r}")
    found = [_section(part, start + index * step, wide, rights, mode) for index in range(count)]
    if not found and length and rights & (EXECUTE | WRITE):
        data = part.cut(offset, min(length, size), f"the segment {name!r}")
        whole = Section(
            name, address, data, size, bool(rights & EXECUTE), bool(rights & WRITE), mode, part.place(offset)
        )
        found = [(whole, Contents(0))]
    return row, found


def _section(part: Part, at: int, wide: bool, rights: int, mode: int) -> tuple[Section, Contents]:
    """Code is what has instructions by its attributes: constants lie in executable segments too."""
    name = f"{text_at(part.data, at + 16, 16)},{text_at(part.data, at, 16)}"
    address, size, offset, _, _, _, flags, first, stub = part.numbers(
        "2Q7I" if wide else "9I", at + 32, "a section header"
    )
    code = bool(flags & (PURE_CODE | SOME_CODE)) and rights & EXECUTE
    filled = flags & 0xFF not in ZERO_FILL and offset
    data = part.cut(offset, size, f"the section {name!r}") if filled else part.data[:0]
    section = Section(
        name,
        address,
        data,
        size,
        bool(code),
        bool(rights & WRITE),
        mode,
        part.place(offset) if filled else None,
    )
    kind = flags & 0xFF
    return section, Contents(kind, first, stub) if kind == STUBS else Contents(kind)


def without_data(section: Section, spans: list[tuple[int, int]]) -> Iterator[Section]:
    """A code section cut at the data in it, `spans` of sorted addresses (LC_DATA_IN_CODE)."""
    if not section.executable:
        yield section
        return
    at, last = section.address, section.address + len(section.data)
    for start, end in spans[bisect_left(spans, (at, 0)) : bisect_left(spans, (last, 0))]:
        start, end = max(start, at), min(end, last)
        if start < end:
            yield from _cut(section, at, start, True)
            yield from _cut(section, start, end, False)
            at = end
    yield from _cut(section, at, section.end, True)


def _cut(section: Section, start: int, end: int, code: bool) -> Iterator[Section]:
    if start < end:
        first = start - section.address
        place = None if section.file_offset is None else section.file_offset + first
        data = section.data[first : end - section.address]
        yield replace(section, address=start, data=data, size=end - start, executable=code, file_offset=place)
