# SPDX-License-Identifier: GPL-2.0-or-later
"""Mach-O files: which slices are read, what their load commands say about code, and the sentences for bad ones."""

import struct

import pytest
from macho_files import Area, MachO, fat, main_at

from patcher import binary
from patcher.binary import Binary, Origin, Privilege
from patcher.errors import PatcherError

BASE, START = 0x1_0000_0000, 0x1_0000_0400
CODE = Area(b"\x90" * 0x40)
X86, X86_64, ARM64 = 7, 0x0100_0007, 0x0100_000C


def read(file: MachO) -> Binary:
    (found,) = binary.read(bytes(file), "program")
    return found


def entries(found: Binary, origin: Origin) -> list[tuple[int, str]]:
    return [(entry.address, entry.name) for entry in found.entries if entry.origin is origin]


def symbol_table(rows: list[tuple[str, int, int]]) -> bytes:
    """String table at the end; the command's offsets are filled in by `with_symbols`."""
    names, table = b"\0", b""
    for name, kind, address in rows:
        table += struct.pack("<IBBHQ", len(names), kind, 1, 0, address)
        names += name.encode() + b"\0"
    return table + names


def with_symbols(file: MachO, rows: list[tuple[str, int, int]]) -> bytes:
    """The file with LC_SYMTAB for what is put at its end."""
    table = symbol_table(rows)
    at = len(bytes(file))
    size = len(table) - 16 * len(rows)
    return bytes(
        MachO(
            file.text,
            file.data,
            commands=(
                *file.commands,
                (2, struct.pack("<4I", at, len(rows), at + 16 * len(rows), size), table),
            ),
        )
    )


def test_sections_with_instructions_are_code_and_constants_are_not() -> None:
    found = read(
        MachO((CODE, Area(b"text", b"__cstring", 2)), (Area(b"d", b"__data", 0),), commands=(main_at(0x400),))
    )
    assert (found.format, found.mode, found.privilege, found.name) == ("mach-o", 64, Privilege.USER, "")
    assert [(s.name, s.executable, s.writable) for s in found.sections] == [
        ("__TEXT,__text", True, False),
        ("__TEXT,__cstring", False, False),
        ("__DATA,__data", False, True),
    ]
    assert (found.sections[0].address, found.sections[0].file_offset) == (START, 0x400)
    assert entries(found, Origin.ENTRY) == [(START, "entry point")]


@pytest.mark.parametrize(("bits", "registers"), [(32, (10, "I")), (64, (16, "Q"))])
def test_an_old_programs_entry_is_in_its_initial_registers(bits: int, registers: tuple[int, str]) -> None:
    index, word = registers
    base = 0x1000 if bits == 32 else BASE
    values = [0] * 21
    values[index] = base + 0x408
    count = 16 if bits == 32 else 21
    state = struct.pack(f"<II{count}{word}", 1, count, *values[:count])
    found = read(MachO((CODE,), bits=bits, base=base, commands=((5, state, b""),)))
    assert (found.mode, entries(found, Origin.ENTRY)) == (bits, [(base + 0x408, "entry point")])


def test_initializers_are_entries() -> None:
    pointers = Area(struct.pack("<2Q", START + 4, START + 8), b"__mod_init_func", 9)
    offsets = Area(struct.pack("<I", 0x40C), b"__init_offsets", 0x16)
    found = read(MachO((CODE, offsets), (pointers,)))
    assert [address - START for address, _ in entries(found, Origin.INIT)] == [4, 8, 12]


def test_function_starts_are_entries() -> None:
    found = read(
        MachO((CODE,), commands=((0x26, b"\xee" * 4 + struct.pack("<I", 5), b"\x80\x08\x10\x08\0"),))
    )
    assert [address - START for address, _ in entries(found, Origin.UNWIND)] == [0, 16, 24]


def test_symbols_of_code_are_functions_and_some_never_return() -> None:
    rows = [
        ("_main", 0x0F, START),
        ("_exit", 0x0E, START + 8),
        ("_data", 0x0F, START - 8),
        ("stab", 0x24, START),
    ]
    (found,) = binary.read(with_symbols(MachO((CODE,)), rows), "program")
    assert [(s.name, s.address - START) for s in found.symbols] == [("_main", 0), ("_exit", 8)]
    assert found.returns_never == (START + 8,)


def test_stubs_have_the_names_of_what_they_jump_to() -> None:
    stubs = Area(b"\xff\x25\0\0\0\0" * 2, b"__stubs", 0x8000_0408, first=1, stub=6)
    indirect = (
        0x0B,
        bytes(48) + b"\xee" * 4 + struct.pack("<6I", 3, 0, 0, 0, 0, 0),
        struct.pack("<3I", 0, 1, 0),
    )
    file = MachO((CODE, stubs), commands=(indirect,))
    (found,) = binary.read(with_symbols(file, [("_puts", 1, 0), ("_abort", 1, 0)]), "program")
    assert [(s.name, s.address - START) for s in found.symbols] == [("_abort", 0x40), ("_puts", 0x46)]
    assert found.returns_never == (START + 0x40,)


def test_exports_are_entries() -> None:
    trie = b"\0\2_a\0\x09b\0\x0e" + bytes([3, 0, 0x84, 8, 0]) + bytes([3, 8, 0x88, 8, 0])
    found = read(MachO((CODE,), kind=6, commands=((0x33, b"\xee" * 4 + struct.pack("<I", len(trie)), trie),)))
    assert entries(found, Origin.EXPORT) == [(START + 4, "_a")]


def test_a_trie_that_leads_back_is_noted() -> None:
    found = read(MachO((CODE,), commands=((0x33, b"\xee" * 4 + struct.pack("<I", 5), b"\0\1a\0\0"),)))
    assert found.notes == ("The exports of program are no tree.",)


def test_data_in_code_is_cut_out_of_the_code() -> None:
    spans = struct.pack("<IHHIHH", 0x408, 8, 1, 0x420, 4, 2)
    found = read(MachO((CODE,), commands=((0x29, b"\xee" * 4 + struct.pack("<I", 16), spans),)))
    assert [(s.address - START, s.size, s.executable) for s in found.sections] == [
        (0, 8, True), (8, 8, False), (0x10, 0x10, True), (0x20, 4, False), (0x24, 0x1C, True),
    ]  # fmt: skip
    assert [s.file_offset for s in found.sections] == [0x400, 0x408, 0x410, 0x420, 0x424]


def test_every_x86_slice_of_a_fat_file_is_read_and_others_are_noted() -> None:
    narrow, wide = MachO((CODE,), bits=32, base=0x1000), MachO((CODE,))
    found = binary.read(fat((X86, bytes(narrow)), (X86_64, bytes(wide)), (ARM64, b"arm")), "fat")
    assert [(part.name, part.mode) for part in found] == [("32-bit slice", 32), ("64-bit slice", 64)]
    assert found[0].sections[0].file_offset == 0x1400
    assert found[0].notes == ("Its slices for other processors are left out: AArch64.",)


@pytest.mark.parametrize(
    ("kind", "linked", "segment", "expected"),
    [
        (11, True, b"__TEXT", Privilege.KERNEL),
        (2, False, b"__KLD", Privilege.KERNEL),
        (2, False, b"__TEXT", Privilege.USER),
    ],
)
def test_kernels_and_their_extensions_run_in_ring_0(
    kind: int, linked: bool, segment: bytes, expected: Privilege
) -> None:
    data = bytes(MachO((CODE,), kind=kind, linked=linked)).replace(b"__DATA", segment.ljust(6, b"\0"), 1)
    assert binary.read(data, "kernel")[0].privilege is expected


def test_a_collection_of_extensions_is_read_program_by_program() -> None:
    inner = bytes(MachO((CODE,), kind=11))
    arguments = struct.pack("<2Q2I", BASE, 0, 32, 0) + b"com.example.kext".ljust(24, b"\0")
    outer = bytearray(bytes(MachO((CODE,), kind=12, commands=((0x8000_0035, arguments, b""),))))
    start = 0x2000
    at = bytes(outer).index(arguments) + 8
    outer[at : at + 8] = struct.pack("<Q", start)
    data = bytes(outer).ljust(start, b"\0") + inner
    (found,) = binary.read(data, "kernelcache")
    assert (found.name, found.privilege) == ("com.example.kext", Privilege.KERNEL)


def three_times(program: bytes) -> bytes:
    """A fat file whose three slices are the same bytes."""
    data = fat(*((X86_64, program),) * 3)
    for index in (1, 2):
        data = data.replace(struct.pack(">II", 0x1000 + index * len(program), len(program)),
                            struct.pack(">II", 0x1000, len(program)))  # fmt: skip
    return data[: 0x1000 + len(program)]


BAD = {
    "another processor": (
        bytes(MachO((CODE,), cpu=ARM64)),
        "bad is a Mach-O file for AArch64, not for x86.",
    ),
    "no x86 slice": (fat((ARM64, b"arm")), "bad is a Mach-O file for AArch64, not for x86."),
    "slice past the file": (
        fat((X86, bytes(MachO((CODE,), bits=32, base=0))))[:0x1100],
        "bad is truncated: slice 0 is at offset 0x1000 with 0x440 bytes, and there are 0x1100.",
    ),
    "overlapping slices": (three_times(bytes(MachO((Area(bytes(0x4000)),)))), "The slices of bad overlap."),
    "cut off": (bytes(MachO((CODE,)))[:0x420], "bad is truncated: the section '__TEXT,__text' is at offset 0x400 "
                "with 0x40 bytes, and there are 0x420."),
}  # fmt: skip


@pytest.mark.parametrize(("data", "sentence"), BAD.values(), ids=BAD)
def test_a_bad_file_gets_a_sentence(data: bytes, sentence: str) -> None:
    with pytest.raises(PatcherError) as caught:
        binary.read(data, "bad")
    assert str(caught.value) == sentence


def test_a_java_class_is_no_fat_file() -> None:
    assert binary.detect(b"\xca\xfe\xba\xbe\0\0\0\x34" + bytes(100)) is None
