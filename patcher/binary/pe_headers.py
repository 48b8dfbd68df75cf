# SPDX-License-Identifier: GPL-2.0-or-later
"""Headers of PE32 and PE32+ images, and where a relative virtual address (RVA) lies in the file.

Microsoft, "PE Format" (learn.microsoft.com/windows/win32/debug/pe-format), sections "File Headers" and
"Section Table".
"""

from dataclasses import dataclass

from patcher.binary.layout import apart, is_code, section_at
from patcher.binary.model import Section
from patcher.binary.part import Part, form, text_at
from patcher.errors import PatcherError

PE32, PE32_PLUS = 0x10B, 0x20B
MODES = {0x14C: 32, 0x8664: 64}
MACHINES = {0x1C0: "Arm", 0x1C4: "Arm", 0xAA64: "AArch64", 0x200: "Itanium", 0xEBC: "EFI byte code", 0x166: "MIPS",
            0x1F0: "PowerPC", 0x184: "Alpha", 0x5032: "RISC-V", 0x5064: "RISC-V", 0x6264: "LoongArch"}  # fmt: skip
CNT_CODE, MEM_EXECUTE, MEM_WRITE = 0x20, 0x2000_0000, 0x8000_0000
EXPORT, IMPORT, EXCEPTION, BASE_RELOCATION, TLS, LOAD_CONFIG, DELAY_IMPORT, CLR = 0, 1, 3, 5, 9, 10, 13, 14
"""Indices of data directories."""
SECTION_HEADER = 40


@dataclass(frozen=True, slots=True)
class Pe:
    """A PE or TE image as it lies in memory. Addresses are virtual: `base` plus an RVA."""

    part: Part
    mode: int
    base: int
    entry: int
    """An RVA; 0 when there is none."""
    subsystem: int
    directories: tuple[tuple[int, int], ...]
    """RVA and size each."""
    sections: tuple[Section, ...]
    section_addresses: tuple[int, ...]
    """In the order of the section table, which COFF symbols count by."""
    symbol_table: tuple[int, int] = (0, 0)
    """File offset and rows of the COFF symbol table."""

    @property
    def name(self) -> str:
        return self.part.name

    def directory(self, index: int) -> tuple[int, int]:
        """RVA and size of a data directory; (0, 0) when the image has none."""
        rva, size = self.directories[index] if index < len(self.directories) else (0, 0)
        return (rva, size) if rva else (0, 0)

    def section_of(self, rva: int) -> Section | None:
        """The section that holds an RVA."""
        return section_at(self.sections, self.base + rva)

    def is_code(self, address: int) -> bool:
        """Whether an address lies in the bytes of an executable section."""
        return is_code(self.sections, address)

    def tail(self, rva: int) -> memoryview:
        """The bytes from an RVA to the end of what its section has in the file; empty when there are none."""
        section = self.section_of(rva)
        return memoryview(b"") if section is None else section.data[self.base + rva - section.address :]

    def numbers(self, layout: str, rva: int, what: str) -> tuple[int, ...]:
        """The fields of a `struct` layout at an RVA."""
        tail, compiled = self.tail(rva), form(layout)
        if len(tail) < compiled.size:
            raise PatcherError(
                f"{what} of {self.name} is at RVA {rva:#x}, where the file has no bytes for it."
            )
        return compiled.unpack_from(tail)

    def rows(self, layout: str, rva: int, count: int, what: str) -> list[tuple[int, ...]]:
        """A table of `count` rows."""
        tail, size = self.tail(rva), form(layout).size
        if count * size > len(tail):
            raise PatcherError(
                f"{what} of {self.name} has {count} rows at RVA {rva:#x}, where the file has {len(tail):#x} bytes."
            )
        return list(form(layout).iter_unpack(tail[: count * size]))

    def text(self, rva: int) -> str:
        """A zero-terminated name at an RVA, "" where the file has none."""
        return text_at(self.tail(rva), 0)


def header_offset(data: bytes | memoryview) -> int | None:
    """Where "PE\\0\\0" is in a file that begins as a DOS program does, None when it is not there."""
    if len(data) < 0x40 or bytes(data[:2]) != b"MZ":
        return None
    at = int.from_bytes(data[0x3C:0x40], "little")
    return at if bytes(data[at : at + 4]) == b"PE\0\0" else None


def machine_mode(machine: int, name: str) -> int:
    """32 or 64, or a sentence for the machines that are not x86."""
    if machine not in MODES:
        known = MACHINES.get(machine, "an unknown machine")
        raise PatcherError(f"{name} is a PE file for {known} (machine {machine:#06x}), not for x86.")
    return MODES[machine]


def read_headers(part: Part) -> Pe:
    """The headers and sections of a PE image."""
    at = header_offset(part.data)
    if at is None:
        raise PatcherError(f"{part.name} has no PE header.")
    machine, sections, _, symbols, rows, size, _ = part.numbers("HHIIIHH", at + 4, "the COFF file header")
    mode = machine_mode(machine, part.name)
    optional = at + 24
    magic = part.number("H", optional, "the optional header")
    if magic not in (PE32, PE32_PLUS):
        raise PatcherError(
            f"{part.name} is a PE file whose optional header has the unknown magic {magic:#06x}."
        )
    wide = magic == PE32_PLUS
    entry = part.number("I", optional + 16, "the entry point")
    base = part.number("Q" if wide else "I", optional + (24 if wide else 28), "the image base")
    return Pe(
        part,
        mode,
        base,
        entry,
        part.number("H", optional + 68, "the subsystem"),
        _directories(part, optional + (108 if wide else 92)),
        *read_sections(part, optional + size, sections, base, mode, 0),
        (symbols, rows),
    )


def _directories(part: Part, at: int) -> tuple[tuple[int, int], ...]:
    count = min(part.number("I", at, "the number of data directories"), 16)
    flat = part.numbers(f"{2 * count}I", at + 4, "the data directories")
    return tuple(zip(flat[::2], flat[1::2], strict=True))


def read_sections(
    part: Part, at: int, count: int, base: int, mode: int, stripped: int
) -> tuple[tuple[Section, ...], tuple[int, ...]]:
    """Sections by address, and the addresses in the table's order. `stripped` bytes of headers are missing
    from the file (TE images)."""
    part.cut(at, count * SECTION_HEADER, f"the table of {count} sections")
    rows = [_section(part, at + index * SECTION_HEADER, base, mode, stripped) for index in range(count)]
    return apart(rows, part.name, len(part)), tuple(section.address for section in rows)


def _section(part: Part, at: int, base: int, mode: int, stripped: int) -> Section:
    name = text_at(part.data, at, 8)
    size, rva, raw_size, raw, _, _, _, _, flags = part.numbers("6I2HI", at + 8, "a section header")
    size = size or raw_size
    start = raw - stripped
    length = min(size, raw_size) if raw else 0
    if base + rva + size > 1 << (64 if mode == 64 else 32):
        raise PatcherError(
            f"The section {name!r} of {part.name} reaches past the end of {mode}-bit addresses."
        )
    return Section(
        name,
        base + rva,
        part.cut(start, length, f"the section {name!r}") if length else part.data[:0],
        size,
        executable=bool(flags & (MEM_EXECUTE | CNT_CODE)),
        writable=bool(flags & MEM_WRITE),
        mode=mode,
        file_offset=part.place(start) if length else None,
    )
