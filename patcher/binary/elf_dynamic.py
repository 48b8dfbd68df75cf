# SPDX-License-Identifier: GPL-2.0-or-later
"""What the dynamic linker is told: initializers, relocations, exports and the functions behind the PLT.

System V ABI, "Dynamic Section"; relative relocations in `.relr.dyn` form: gABI, "Relative Relocations". All of it
is read by address through PT_DYNAMIC, which stripping leaves alone.
"""

import struct
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from patcher.binary.address_space import AddressSpace
from patcher.binary.elf_file import SHF_ALLOC, SHT_REL, SHT_RELA, ElfFile
from patcher.binary.elf_names import FUNCTIONS, ROWS, SHN_UNDEF, Names
from patcher.binary.gathering import Gathering
from patcher.binary.model import Origin
from patcher.image.elf import ElfHeader

PT_DYNAMIC = 2
DT_PLTRELSZ, DT_PLTGOT, DT_HASH, DT_STRTAB, DT_SYMTAB, DT_RELA, DT_RELASZ = 2, 3, 4, 5, 6, 7, 8
DT_STRSZ, DT_INIT, DT_FINI, DT_REL, DT_RELSZ, DT_JMPREL = 10, 12, 13, 17, 18, 23
DT_INIT_ARRAY, DT_FINI_ARRAY, DT_INIT_ARRAYSZ, DT_FINI_ARRAYSZ = 25, 26, 27, 28
DT_PREINIT_ARRAY, DT_PREINIT_ARRAYSZ, DT_RELRSZ, DT_RELR = 32, 33, 35, 36
ARRAYS = (
    (DT_PREINIT_ARRAY, DT_PREINIT_ARRAYSZ),
    (DT_INIT_ARRAY, DT_INIT_ARRAYSZ),
    (DT_FINI_ARRAY, DT_FINI_ARRAYSZ),
)
#: Class and machine mode -> types RELATIVE and IRELATIVE, and those that hold a symbol's address.
TYPES = {32: ((8, 42), (1, 6, 7)), 64: ((8, 37), (1, 6, 7))}


@dataclass(slots=True)
class Dynamic:
    """One file's dynamic section: `values` by tag, and what relocations put where."""

    values: dict[int, int]
    targets: dict[int, int] = field(default_factory=dict)
    """Place -> address, of relative relocations with an addend of their own."""
    slots: dict[int, int] = field(default_factory=dict)
    """GOT slot -> index of the symbol whose address it gets."""


def read_dynamic(elf: ElfFile, space: AddressSpace, into: Gathering) -> Dynamic:
    """Initializers as entries, relocated addresses as pointers; returns what else was learnt."""
    dynamic = Dynamic(dict(_tags(elf)))
    for start, size, has_addend in _tables(elf, dynamic.values):
        _relocations(elf, space.view(start, size), has_addend, dynamic, space, into)
    for place in _relr(space, dynamic.values, elf.word):
        into.pointers.update(space.words(place, elf.header.bits // 8, elf.word))
    into.pointers.update(dynamic.targets.values())
    for tag in (DT_INIT, DT_FINI):
        if dynamic.values.get(tag):
            into.enter(dynamic.values[tag], Origin.INIT)
    for start_tag, size_tag in ARRAYS:
        start, size = dynamic.values.get(start_tag, 0), dynamic.values.get(size_tag, 0)
        enter_array(space, start, size, elf.header, dynamic.targets, into)
    return dynamic


def enter_array(
    space: AddressSpace, start: int, size: int, header: ElfHeader, targets: dict[int, int], into: Gathering
) -> None:
    """An entry for each function in an array of pointers, which relocations may fill in."""
    width, word = header.bits // 8, "I" if header.bits == 32 else "Q"
    for index, value in enumerate(space.words(start, size, word)):
        target = targets.get(start + index * width, value)
        if target:
            into.enter(target, Origin.INIT)


def _tags(elf: ElfFile) -> Iterator[tuple[int, int]]:
    form = "<2" + elf.word
    for row in elf.segments:
        if row.type == PT_DYNAMIC:
            view = memoryview(elf.data)[row.offset : row.offset + row.filesz]
            for tag, value in struct.iter_unpack(
                form, view[: len(view) // struct.calcsize(form) * struct.calcsize(form)]
            ):
                if not tag:
                    return
                yield tag, value


def _tables(elf: ElfFile, values: dict[int, int]) -> Iterator[tuple[int, int, bool]]:
    """Address, size and kind (with addends?) of every relocation table that is applied at run time."""
    if not values:
        for section in elf.of_type(SHT_REL, SHT_RELA):
            if section.flags & SHF_ALLOC:
                yield section.address, section.size, section.type == SHT_RELA
        return
    for start, size, has_addend in ((DT_REL, DT_RELSZ, False), (DT_RELA, DT_RELASZ, True)):
        if start in values:
            yield values[start], values.get(size, 0), has_addend
    if DT_JMPREL in values:
        yield values[DT_JMPREL], values.get(DT_PLTRELSZ, 0), elf.header.mode == 64


def _relocations(
    elf: ElfFile, view: memoryview, has_addend: bool, dynamic: Dynamic, space: AddressSpace, into: Gathering
) -> None:
    wide = elf.header.bits == 64
    fixed, symbolic = TYPES[elf.header.mode]
    form = ("<QQq" if wide else "<IIi") if has_addend else ("<QQ" if wide else "<II")
    mask, shift = (0xFFFFFFFF, 32) if wide else (0xFF, 8)
    limit = (1 << elf.header.bits) - 1
    size = struct.calcsize(form)
    places = []
    for place, info, *addend in struct.iter_unpack(form, view[: len(view) // size * size]):
        kind = info & mask
        if kind in fixed:
            if has_addend:
                dynamic.targets[place] = addend[0] & limit
            else:
                places.append(place)
        elif kind in symbolic:
            dynamic.slots[place] = info >> shift
    for place in places:
        into.pointers.update(space.words(place, elf.header.bits // 8, elf.word))


def _relr(space: AddressSpace, values: dict[int, int], word: str) -> Iterator[int]:
    """The places that a DT_RELR table names."""
    width = 4 if word == "I" else 8
    place = 0
    for entry in (
        space.words(values.get(DT_RELR, 0), values.get(DT_RELRSZ, 0), word) if DT_RELR in values else ()
    ):
        if not entry & 1:
            yield entry
            place = entry + width
            continue
        bits, at = entry >> 1, place
        while bits:
            if bits & 1:
                yield at
            bits, at = bits >> 1, at + width
        place += (8 * width - 1) * width


def symbol_names(elf: ElfFile, space: AddressSpace, dynamic: Dynamic) -> list[tuple[str, int, bool]]:
    """Name and value of every dynamic symbol, and whether it is a function of this file's; by index."""
    values, row_of = dynamic.values, ROWS[elf.header.bits]
    start, text = values.get(DT_SYMTAB, 0), values.get(DT_STRTAB, 0)
    table = space.view(start, _symbol_count(values, space, row_of.form.size) * row_of.form.size)
    name_at = Names(bytes(space.view(text, values.get(DT_STRSZ, 0))), len(elf.data), elf.name)
    table = table[: len(table) // row_of.form.size * row_of.form.size]
    rows = row_of.form.iter_unpack(table)
    return [
        (
            name_at(row[0]),
            row[row_of.value],
            row[row_of.section] != SHN_UNDEF and row[row_of.info] & 15 in FUNCTIONS,
        )
        for row in rows
    ]


def _symbol_count(values: dict[int, int], space: AddressSpace, size: int) -> int:
    """The number of dynamic symbols. Without DT_HASH, nothing says it: the strings usually follow the table."""
    if DT_HASH in values:
        return (*space.words(values[DT_HASH], 8, "I"), 0, 0)[1]
    return max(0, values.get(DT_STRTAB, 0) - values.get(DT_SYMTAB, 0)) // size


def exports(names: list[tuple[str, int, bool]], into: Gathering) -> None:
    """Exported functions as entries, for files whose section headers are not used."""
    defined: dict[int, list[str]] = defaultdict(list)
    for text, value, is_function in names:
        if is_function and value and text:
            defined[value].append(text)
    for value, texts in defined.items():
        into.symbols += [(value, text, 0, True) for text in texts]
        into.enter(value, Origin.EXPORT, texts[0])
