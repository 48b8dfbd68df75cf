# SPDX-License-Identifier: GPL-2.0-or-later
"""Relocations of x86 objects applied (i386 and x86-64 psABI, "Relocation Types").

The few kinds that make up nearly all of a kernel module have a loop of their own. Of the others only the field's
place is used where what they put there is no address of code (thread-local storage, sizes).
"""

import struct
from array import array
from collections.abc import Iterator

from patcher.binary.elf_file import SHT_RELA, ElfFile, SectionHeader
from patcher.binary.model import Section
from patcher.errors import PatcherError

MASK32, MASK64 = 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF
#: Types of either machine: absolute words, addresses relative to the place, GOT slots (from the GOT or the place).
I386_32, I386_PC32, I386_GOT32, I386_PLT32, I386_GOTOFF, I386_GOTPC, I386_GOT32X = 1, 2, 3, 4, 9, 10, 43
NO_BASE = 0x05
"""ModRM of an address without a base register, under the mask 0xC7: R_386_GOT32X is the slot's address then."""
I386_NARROW = {20: (2, False), 21: (2, True), 22: (1, False), 23: (1, True)}
X64_64, X64_PC32, X64_PLT32, X64_GOTPCREL, X64_32, X64_32S, X64_PC64 = 1, 2, 4, 9, 10, 11, 24
X64_GOTPC32, X64_GOTOFF64, X64_GOTPCRELX, X64_REX_GOTPCRELX = 26, 25, 41, 42
X64_NARROW = {12: (2, False), 13: (2, True), 14: (1, False), 15: (1, True)}
I386_NEAR, X64_NEAR, X64_SHORT = (I386_PC32, I386_PLT32), (X64_PC32, X64_PLT32), (X64_32, X64_32S)


class Relocator:
    """Applies one object's relocations; `values` are its symbols' addresses, `got` is where a GOT may be made."""

    def __init__(self, elf: ElfFile, values: list[int], got: int) -> None:
        self._elf, self._values, self._got = elf, values, got
        self._slots: dict[int, int] = {}
        self._copies: dict[int, bytearray] = {}
        self._budget = len(elf.data)
        self.fields: list[int] = []
        self.pointers: set[int] = set()

    def apply(self, table: SectionHeader, section: Section) -> memoryview:
        """The section's bytes with every relocation of `table` applied, after those of earlier tables."""
        self._budget -= table.size
        if self._budget < 0:
            raise PatcherError(
                f"The relocation tables of {self._elf.name} overlap: they are longer than the file."
            )
        data = self._copies.setdefault(table.info, bytearray(section.data))
        try:
            if self._elf.header.mode == 64:
                self._apply_x64(table, data, section.address, section.executable)
            else:
                self._apply_i386(table, data, section.address)
        except (struct.error, IndexError) as error:
            raise PatcherError(
                f"A relocation of section {section.name} in {self._elf.name} is outside it or names no symbol."
            ) from error
        if section.executable:
            base = section.address
            self.fields += [base + row[0] for row in self._rows(table)]
        return memoryview(data).toreadonly()

    def _rows(self, table: SectionHeader) -> Iterator[tuple[int, ...]]:
        """Offset, symbol and type in one word, and the addend if the table's kind has one."""
        wide = self._elf.header.bits == 64
        form = struct.Struct(
            ("<QQq" if wide else "<IIi") if table.type == SHT_RELA else ("<QQ" if wide else "<II")
        )
        view = self._elf.contents(table)
        return form.iter_unpack(view[: len(view) // form.size * form.size])

    def _with_addends(self, table: SectionHeader, data: bytearray) -> Iterator[tuple[int, ...]]:
        """The same, with addends that are in the fields themselves read from there."""
        if table.type == SHT_RELA:
            return self._rows(table)
        read, padded = struct.Struct("<i").unpack_from, data + bytes(4)
        return ((offset, info, read(padded, offset)[0]) for offset, info in self._rows(table))

    def _apply_i386(self, table: SectionHeader, data: bytearray, base: int) -> None:
        if table.type == SHT_RELA:
            for row in self._with_addends(table, data):
                self._other_i386(data, (row[0], row[1] & 0xFF, row[1] >> 8, row[2]), base)
            return
        values, word = self._values, struct.Struct("<I")
        read, put, pointers = word.unpack_from, word.pack_into, []
        for offset, info in self._rows(table):
            kind = info & 0xFF
            if kind in I386_NEAR:
                put(data, offset, read(data, offset)[0] + values[info >> 8] - base - offset & MASK32)
            elif kind == I386_32:
                value = read(data, offset)[0] + values[info >> 8] & MASK32
                put(data, offset, value)
                pointers.append(value)
            else:
                addend = struct.unpack_from("<i", data[offset : offset + 4] + bytes(4))[0]
                self._other_i386(data, (offset, kind, info >> 8, addend), base)
        self.pointers.update(pointers)

    def _other_i386(self, data: bytearray, row: tuple[int, int, int, int], base: int) -> None:
        offset, kind, symbol, addend = row
        value = self._values[symbol] + addend
        if kind == I386_32:
            self.pointers.add(value)
        elif kind in I386_NEAR:
            value -= base + offset
        elif kind in (I386_GOT32, I386_GOT32X):
            is_bare = kind == I386_GOT32X and offset > 0 and data[offset - 1] & 0xC7 == NO_BASE
            value = self._slot(symbol) + addend - (0 if is_bare else self._got)
        elif kind == I386_GOTOFF:
            self.pointers.add(value)
            value -= self._got
        elif kind == I386_GOTPC:
            value = self._got + addend - base - offset
        elif kind in I386_NARROW:
            self._narrow(data, row, base, I386_NARROW[kind])
            return
        else:
            return
        struct.pack_into("<I", data, offset, value & MASK32)

    def _apply_x64(self, table: SectionHeader, data: bytearray, base: int, is_code: bool) -> None:
        values, pointers, put = self._values, self.pointers, struct.Struct("<I").pack_into
        mask, shift = (MASK32, 32) if self._elf.header.bits == 64 else (0xFF, 8)
        for offset, info, addend in self._with_addends(table, data):
            kind = info & mask
            if kind in X64_NEAR:
                put(data, offset, values[info >> shift] + addend - base - offset & MASK32)
                if is_code and kind == X64_PC32:
                    pointers.add(values[info >> shift] + addend + 4)
            elif kind in X64_SHORT:
                value = values[info >> shift] + addend
                put(data, offset, value & MASK32)
                pointers.add(value)
            else:
                self._other_x64(data, (offset, kind, info >> shift, addend), base)

    def _other_x64(self, data: bytearray, row: tuple[int, int, int, int], base: int) -> None:
        offset, kind, symbol, addend = row
        value = self._values[symbol] + addend
        if kind == X64_64:
            self.pointers.add(value)
            struct.pack_into("<Q", data, offset, value & MASK64)
        elif kind in (X64_GOTPCREL, X64_GOTPCRELX, X64_REX_GOTPCRELX):
            struct.pack_into("<I", data, offset, self._slot(symbol) + addend - base - offset & MASK32)
        elif kind == X64_GOTPC32:
            struct.pack_into("<I", data, offset, self._got + addend - base - offset & MASK32)
        elif kind in (X64_PC64, X64_GOTOFF64):
            start = self._got if kind == X64_GOTOFF64 else base + offset
            struct.pack_into("<Q", data, offset, value - start & MASK64)
        elif kind in X64_NARROW:
            self._narrow(data, row, base, X64_NARROW[kind])

    def _narrow(
        self, data: bytearray, row: tuple[int, int, int, int], base: int, how: tuple[int, bool]
    ) -> None:
        """An 8- or 16-bit field; what an addend read from it has beyond its width falls off again."""
        (offset, _, symbol, addend), (size, is_relative) = row, how
        value = self._values[symbol] + addend - (base + offset if is_relative else 0)
        struct.pack_into("<H" if size == 2 else "<B", data, offset, value & (1 << 8 * size) - 1)

    def _slot(self, symbol: int) -> int:
        """The address of a symbol's GOT slot."""
        width = self._elf.header.bits // 8
        return self._slots.setdefault(symbol, self._got + (3 + len(self._slots)) * width)

    def got_sections(self) -> list[Section]:
        """The GOT that was made, if a relocation needed one: it holds the addresses of its symbols."""
        if not self._slots:
            return []
        letter = "I" if self._elf.header.bits == 32 else "Q"
        words = array(letter, [0, 0, 0, *(self._values[s] for s in self._slots)])
        data = memoryview(words.tobytes())
        return [Section("GOT", self._got, data, len(data), False, True, self._elf.header.mode, None)]
