# SPDX-License-Identifier: GPL-2.0-or-later
"""Linked ELF files: sections or segments, the entries that each table gives, and boot protocols."""

import struct

import pytest
from elf_maker import ALLOC, EXEC, NOTYPE, OBJECT, WRITE, Maker, Part, Sym
from executables import Elf, multiboot_header
from executables import Part as Segment

from patcher.binary.elf import READER
from patcher.binary.model import Binary, Entry, Function, Origin, Privilege
from patcher.errors import NotX86, PatcherError

CODE = ALLOC | EXEC
LOAD, DYNAMIC, NOTE, RX, RW = 1, 2, 4, 5, 6


def read(data: bytes) -> Binary:
    (binary,) = READER.read(data, "prog")
    return binary


def linked(*parts: Part, symbols: tuple[Sym, ...] = (), **how: object) -> Maker:
    """A file whose parts are segments of their own; `how` changes the maker's fields."""
    segments = [
        (LOAD, RX if p.flags & EXEC else RW, index, p.address, p.address, p.size or len(p.data))
        for index, p in enumerate(parts)
    ]
    maker = Maker(list(parts), list(symbols), type=2, entry=parts[0].address, segments=segments)
    for name, value in how.items():
        setattr(maker, name, value)
    return maker


def test_sections_name_the_memory_and_functions_are_entries() -> None:
    text = Part(".text", b"\xf4" * 8, CODE, address=0x80_0000)
    data = Part(".data", struct.pack("<2I", 0x80_0005, 0x80_0008), ALLOC | WRITE, address=0x80_1000)
    symbols = (
        Sym("f", 0x80_0002, 0, size=3),
        Sym("label", 0x80_0006, 0, NOTYPE),
        Sym("d", 0x80_1000, 1, OBJECT),
    )
    binary = read(bytes(linked(text, data, symbols=symbols)))
    assert [(s.name, s.address, s.size, s.executable, s.writable) for s in binary.sections] == [
        (".text", 0x80_0000, 8, True, False),
        (".data", 0x80_1000, 8, False, True),
    ]
    assert binary.entries == (
        Entry(0x80_0000, 32, Origin.ENTRY), Entry(0x80_0002, 32, Origin.SYMBOL, "f"),
    )  # fmt: skip
    assert [s.name for s in binary.symbols] == ["f", "label"]
    assert binary.functions == (Function(0x80_0002, 0x80_0005, "f"),)
    assert (binary.pointers, binary.relocated) == ((0x80_0005, 0x80_0006), False)
    assert (binary.privilege, binary.mode, binary.notes) == (Privilege.USER, 32, ())


@pytest.mark.parametrize(
    ("damage", "note"),
    [
        ({"shoff": 0x9000}, "the section header table is not inside the file"),
        ({"shoff": 0}, "it has no section headers"),
    ],
)
def test_without_section_headers_segments_serve(damage: dict[str, int], note: str) -> None:
    binary = read(bytes(linked(Part(".text", b"\xf4" * 8, CODE, address=0x80_0000), **damage)))
    assert [(s.name, s.executable) for s in binary.sections] == [("segment 0", True)]
    assert binary.notes == (f"Read by program headers: {note}.",)
    assert binary.entries[0].origin is Origin.ENTRY


def test_forged_section_headers_hide_nothing() -> None:
    """A section that says it is data where the entry point is; one that lies elsewhere in the file."""
    hidden = linked(Part(".rodata", b"\xf4" * 8, ALLOC, address=0x80_0000))
    hidden.segments = [(LOAD, RX, 0, 0x80_0000, 0x80_0000, 8)]
    moved = linked(Part(".text", b"\xf4" * 8, CODE, address=0x80_0000), Part("x", b"\xc3" * 8, 0))
    moved.segments = [(LOAD, RX, 1, 0x80_0000, 0x80_0000, 8)]
    for maker, code in ((hidden, b"\xf4" * 8), (moved, b"\xc3" * 8)):
        binary = read(bytes(maker))
        assert [bytes(s.data) for s in binary.sections if s.executable] == [code]
        assert binary.notes


def test_code_between_sections_is_not_lost() -> None:
    parts = [
        Part("blob", b"\xc3\x90\xf4\x0f\x0b" + bytes(11), 0),
        Part(".text", b"\xc3" * 16, CODE, address=0x80_0010),
    ]
    maker = Maker(parts, type=2, entry=0x80_0010, segments=[(LOAD, RX, 0, 0x80_0000, 0x80_0000, 0x20)])
    data = bytearray(bytes(maker))
    data[52 + 16 : 52 + 20] = struct.pack("<I", 32)
    assert [(s.name, s.address, s.size) for s in read(bytes(data)).sections] == [
        ("segment 0", 0x80_0000, 16),
        (".text", 0x80_0010, 16),
    ]


def test_a_physical_entry_point_is_mapped() -> None:
    part = Segment(b"\xf4" * 16, 0xC100_0000, 0x100_0000, flags=5)
    binary = read(bytes(Elf((part,), entry=0x100_0004)))
    assert binary.entries == (Entry(0xC100_0004, 32, Origin.ENTRY),)
    assert binary.privilege is Privilege.KERNEL


def test_a_multiboot_header_enters_a_64_bit_kernel_in_32_bit_mode() -> None:
    part = Segment(multiboot_header(3) + b"\xf4" * 16, 0x10_0000, flags=5)
    binary = read(bytes(Elf((part,), 0x10_000C, 62, bits=64)))
    assert binary.entries == (Entry(0x10_000C, 32, Origin.PROTOCOL, "Multiboot"),)
    assert (binary.privilege, binary.mode) == (Privilege.KERNEL, 64)


def test_a_multiboot2_entry_tag_is_an_entry_beside_the_files_own() -> None:
    tags = struct.pack("<HHII4x", 3, 0, 12, 0x10_0030) + struct.pack("<HHI", 0, 0, 8)
    size = 16 + len(tags)
    header = struct.pack("<4I", 0xE85250D6, 0, size, -(0xE85250D6 + size) % 2**32) + tags
    data = bytearray(bytes(Elf((Segment(b"\x90" * 0x40, flags=5, offset=0x80),), 0x10_0000, 62, bits=64)))
    data = data.ljust(0x80, b"\0") + (header + b"\x90" * 0x40)[:0x40]
    binary = read(bytes(data))
    assert Entry(0x10_0030, 32, Origin.PROTOCOL, "Multiboot2") in binary.entries
    assert Entry(0x10_0000, 64, Origin.ENTRY) in binary.entries


def test_a_pvh_note_is_a_32_bit_entry() -> None:
    note = struct.pack("<3I4sQ", 4, 8, 18, b"Xen\0", 0x10_0002)
    maker = Maker(
        [Part(".text", b"\xf4" * 8, CODE, address=0xFFFF_FFFF_8010_0000), Part(".note", note, 0)],
        bits=64,
        type=2,
    )
    maker.entry = 0x10_0000
    maker.segments = [(LOAD, RX, 0, 0xFFFF_FFFF_8010_0000, 0x10_0000, 8), (NOTE, 4, 1, 0, 0, 0)]
    assert read(bytes(maker)).entries == (
        Entry(0xFFFF_FFFF_8010_0000, 64, Origin.ENTRY),
        Entry(0xFFFF_FFFF_8010_0002, 32, Origin.PROTOCOL, "PVH"),
    )


def dynamic(*tags: tuple[int, int]) -> bytes:
    return b"".join(struct.pack("<2Q", *tag) for tag in (*tags, (0, 0)))


def shared_object(*tags: tuple[int, int], data: bytes = b"", text: bytes = b"\xc3" * 0x40) -> Binary:
    """A 64-bit library: code at 0x1000, `data` at 0x3000, tags at 0x2000; its section headers are gone."""
    parts = [
        Part(".text", text, CODE, address=0x1000),
        Part(".dynamic", dynamic(*tags), ALLOC | WRITE, address=0x2000),
        Part(".data", data, ALLOC | WRITE, address=0x3000),
    ]
    maker = linked(*parts, bits=64, type=3, entry=0, shoff=0)
    maker.segments.append((DYNAMIC, RW, 1, 0x2000, 0x2000, 0))
    return read(bytes(maker))


def test_initializers_of_a_relocated_array() -> None:
    """DT_INIT, and an array whose words only relocations fill in."""
    rela = struct.pack("<QQq", 0x3000, 8, 0x1010) + struct.pack("<QQq", 0x3008, 8, 0x1020)
    binary = shared_object((12, 0x1004), (25, 0x3000), (27, 8), (7, 0x3010), (8, 48), data=bytes(16) + rela)
    assert [(e.address, e.origin) for e in binary.entries] == [(0x1004, Origin.INIT), (0x1010, Origin.INIT)]
    assert binary.pointers == (0x1010, 0x1020)


def test_packed_relative_relocations_are_pointers() -> None:
    """DT_RELR: 0x3000 itself, then a bitmap for the words behind it."""
    data = struct.pack("<4Q", 0x1001, 0x1002, 0x1003, 0x1004) + struct.pack("<2Q", 0x3000, 0b1011)
    binary = shared_object((36, 0x3020), (35, 16), data=data)
    assert (binary.pointers, binary.relocated) == ((0x1001, 0x1002, 0x1004), True)


def test_a_plt_entry_carries_the_name_of_its_function() -> None:
    plt = b"\xf3\x0f\x1e\xfa\xf2\xff\x25" + struct.pack("<i", 0x3000 - 0x100B) + b"\x0f\x1f\x44\0\0"
    names = b"\0abort\0mine\0data\0"
    symbols = (
        bytes(24)
        + struct.pack("<IBBHQQ", 1, 0x12, 0, 0, 0, 0)
        + struct.pack("<IBBHQQ", 7, 0x12, 0, 1, 0x1020, 8)
        + struct.pack("<IBBHQQ", 12, 0x11, 0, 1, 0x1030, 8)
    )
    jmprel = struct.pack("<QQq", 0x3000, 1 << 32 | 7, 0)
    at = 0x3008
    tags = ((23, at), (2, 24), (6, at + 24), (5, at + 24 + len(symbols)), (10, len(names)))
    binary = shared_object(*tags, data=bytes(8) + jmprel + symbols + names, text=plt.ljust(0x40, b"\xc3"))
    assert [(s.address, s.name) for s in binary.symbols] == [(0x1000, "abort@plt"), (0x1020, "mine")]
    assert binary.returns_never == (0x1000, 0x3000)
    assert binary.entries == (Entry(0x1020, 64, Origin.EXPORT, "mine"),)


BAD = {
    "segments beyond reason": (
        Elf((Segment(),) * 300), "prog claims 300 segments to be loaded, with 0x384 bytes of its 0x2938."
    ),
    "segments over each other": (
        Elf((Segment(flags=5), Segment())), "In prog, segment 0 and segment 1 overlap at 0x100000."
    ),
    "nothing to load": (
        Elf((Segment(type=4),)), "prog has no program header of type PT_LOAD, so nothing in it is loaded."
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_ends_in_a_sentence(case: str) -> None:
    maker, sentence = BAD[case]
    with pytest.raises(PatcherError) as raised:
        read(bytes(maker))
    assert str(raised.value) == sentence


def test_a_file_for_another_processor_is_not_a_broken_one() -> None:
    with pytest.raises(NotX86) as raised:
        read(bytes(Elf(machine=183)))
    assert str(raised.value) == "prog is an ELF file for AArch64 (e_machine 183), not for x86."


def test_what_no_user_program_can_be_linked_to() -> None:
    low = Elf((Segment(b"\xf4" * 16, 0x9000, flags=5),), 0x9000)
    high = Elf((Segment(b"\xf4" * 16, 0xC010_0000, flags=5),), 0xC010_0000)
    plain = Elf((Segment(b"\xf4" * 16, 0x804_8000, flags=5),), 0x804_8000)
    kinds = [read(bytes(file)).privilege for file in (low, high, plain)]
    assert kinds == [Privilege.KERNEL, Privilege.KERNEL, Privilege.USER]


def test_a_syslinux_module_runs_in_its_boot_loaders_ring() -> None:
    names = b"\0libcom32.c32\0"
    binary = shared_object((1, 1), (5, 0x3000), (10, len(names)), data=names)
    assert binary.privilege is Privilege.FIRMWARE
