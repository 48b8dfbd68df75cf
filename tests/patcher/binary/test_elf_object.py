# SPDX-License-Identifier: GPL-2.0-or-later
"""Relocatable objects: laid out, relocated, and told what their fields and imports are."""

import pytest
from elf_maker import ALLOC, EXEC, INIT_ARRAY, NOBITS, OBJECT, SECTION, WRITE, Maker, Part, Sym

from patcher.binary.elf import READER
from patcher.binary.elf_object import BASE
from patcher.binary.model import Binary, Origin, Privilege
from patcher.errors import PatcherError

CODE = ALLOC | EXEC


def read(maker: Maker) -> Binary:
    (binary,) = READER.read(bytes(maker), "a.o")
    return binary


def word(binary: Binary, address: int, size: int = 4) -> int:
    section = binary.section_at(address)
    assert section is not None
    at = address - section.address
    return int.from_bytes(section.data[at : at + size], "little")


def test_calls_of_a_32_bit_object_lead_where_they_say() -> None:
    """R_386_PC32 and R_386_PLT32 with their addend in the field; R_386_32 as an address."""
    text = b"\xe8\xfc\xff\xff\xff" + b"\xe8\xfc\xff\xff\xff" + b"\xb8\x02\x00\x00\x00" + b"\xc3"
    maker = Maker(
        [
            Part(".text", text, CODE, relocations=((1, 2, 1), (6, 4, 2), (11, 1, 3))),
            Part(".init.text", b"\xc3" * 8, CODE),
        ],
        [Sym("there", 4, 1), Sym("panic"), Sym("", 0, 1, SECTION)],
    )
    binary = read(maker)
    first, second = binary.sections
    assert (first.address, first.mode, first.executable) == (BASE, 32, True)
    assert second.address >= first.end
    assert (word(binary, BASE + 1) + BASE + 5) & 0xFFFFFFFF == second.address + 4
    (import_,) = binary.imports
    assert (word(binary, BASE + 6) + BASE + 10) & 0xFFFFFFFF == import_.address
    assert binary.section_at(import_.address) is None
    assert word(binary, BASE + 11) == second.address + 2
    assert binary.fields == (BASE + 1, BASE + 6, BASE + 11)
    assert binary.pointers == (second.address + 2,)
    assert binary.returns_never == (import_.address,)
    assert [(e.address, e.origin, e.name) for e in binary.entries] == [
        (second.address + 4, Origin.SYMBOL, "there")
    ]


def test_a_64_bit_object_takes_addends_from_its_table() -> None:
    text = b"\xe8\0\0\0\0\x48\x8d\x05\0\0\0\0\x48\xc7\xc0\0\0\0\0\xff\x15\0\0\0\0"
    relocations = ((1, 4, 1, -4), (8, 2, 2, -4), (15, 11, 2, 2), (21, 41, 1, -4))
    maker = Maker(
        [Part(".text", text, CODE, relocations=relocations), Part(".text.f", b"\xc3" * 4, CODE)],
        [Sym("exit"), Sym("f", 1, 1, size=3)],
        bits=64,
    )
    binary = read(maker)
    function = binary.functions[0].start
    assert (function, binary.functions[0].end) == (
        binary.sections[1].address + 1,
        binary.sections[1].address + 4,
    )
    assert (word(binary, BASE + 1) + BASE + 5) & 0xFFFFFFFF == binary.imports[0].address
    assert (word(binary, BASE + 8) + BASE + 12) & 0xFFFFFFFF == function
    assert word(binary, BASE + 15) == function + 2
    slot = (word(binary, BASE + 21) + BASE + 25) & 0xFFFFFFFF
    assert word(binary, slot, 8) == binary.imports[0].address
    assert set(binary.pointers) == {function, function + 2}


def test_narrow_fields_of_16_bit_code_keep_their_neighbours() -> None:
    text = b"\xe9\xfe\xff\x90\x90\x90\xb8\x01\x00\x90\x90\x90"
    maker = Maker(
        [Part(".text", text, CODE, relocations=((1, 21, 1), (7, 20, 2)))],
        [Sym("f", 9, 0), Sym("", 0, 0, SECTION)],
    )
    data = bytes(read(maker).sections[0].data)
    assert int.from_bytes(data[1:3], "little") + 3 == 9
    assert data[3:7] == b"\x90\x90\x90\xb8"
    assert int.from_bytes(data[7:9], "little") == (BASE + 1) & 0xFFFF


def test_data_and_absent_bytes_are_sections_too() -> None:
    parts = [
        Part(".text", b"\xc3", CODE),
        Part(".bss", b"", ALLOC | WRITE, NOBITS, size=0x100),
        Part(".comment", b"gcc", 0),
        Part(".init_array", bytes(4), ALLOC | WRITE, INIT_ARRAY, relocations=((0, 1, 1),)),
    ]
    binary = read(Maker(parts, [Sym("start", 0, 0), Sym("table", 0, 1, OBJECT)]))
    assert [s.name for s in binary.sections] == [".text", ".bss", ".init_array"]
    assert (binary.sections[1].size, len(binary.sections[1].data)) == (0x100, 0)
    assert [(e.address, e.origin) for e in binary.entries] == [(BASE, Origin.INIT)]
    assert [s.name for s in binary.symbols] == ["start"]


@pytest.mark.parametrize(
    ("name", "privilege"),
    [(".modinfo", Privilege.KERNEL), (".modname", Privilege.KERNEL), (".data", Privilege.UNKNOWN)],
)
def test_modules_are_known_by_their_sections(name: str, privilege: Privilege) -> None:
    assert read(Maker([Part(".text", b"\xc3", CODE), Part(name, b"x")])).privilege is privilege


BAD = {
    "a relocation behind the end": (
        Maker([Part(".text", b"\xc3", CODE, relocations=((0, 2, 0),))]),
        "A relocation of section .text in a.o is outside it or names no symbol.",
    ),
    "a relocation against no symbol": (
        Maker([Part(".text", bytes(8), CODE, relocations=((0, 2, 9),))]),
        "A relocation of section .text in a.o is outside it or names no symbol.",
    ),
    "a section without room": (
        Maker([Part(".bss", b"", ALLOC, NOBITS, size=0xFFFF_FFF0)]),
        "Section .bss of a.o with 0xfffffff0 bytes has no room in memory.",
    ),
    "section headers elsewhere": (
        Maker([Part(".text", b"\xc3", CODE)], shoff=0x7000),
        "a.o is an object whose sections cannot be read: "
        "the section header table is not inside the file.",
    ),
    "a memory dump": (
        Maker([Part(".text")], type=4, segments=[(1, 5, 0, 0, 0, 0)]),
        "a.o is a memory dump of a process, not a program."
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_a_bad_object_ends_in_a_sentence(case: str) -> None:
    maker, sentence = BAD[case]
    with pytest.raises(PatcherError) as raised:
        read(maker)
    assert str(raised.value) == sentence


def test_a_got_slot_is_reached_with_and_without_a_base_register() -> None:
    """call *f@GOT(%ebx) counts from the GOT; call *f@GOT is the slot's address (i386 psABI, R_386_GOT32X)."""
    text = b"\xff\x93\0\0\0\0" + b"\xff\x15\0\0\0\0"
    binary = read(Maker([Part(".text", text, CODE, relocations=((2, 43, 1), (8, 43, 1)))], [Sym("f")]))
    got = next(section for section in binary.sections if section.name == "GOT")
    near, bare = word(binary, BASE + 2), word(binary, BASE + 8)
    assert got.address + near == bare
    assert word(binary, bare) == binary.imports[0].address
