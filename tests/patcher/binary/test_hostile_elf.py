# SPDX-License-Identifier: GPL-2.0-or-later
"""Damaged ELF files and bzImages: a program or a sentence, in bounded time and memory, whatever was damaged."""

import gzip
import struct

import pytest
from elf_maker import ALLOC, EXEC, INIT_ARRAY, NOTYPE, WRITE, Maker, Part, Sym
from executables import BzImage
from hypothesis import example, given
from hypothesis import strategies as st
from kallsyms_maker import kallsyms

from patcher.binary import bzimage, elf, multiboot
from patcher.binary.gathering import Gathering
from patcher.binary.kallsyms import read_kallsyms
from patcher.binary.model import Binary, Privilege, Reader, Section
from patcher.errors import PatcherError

CODE = ALLOC | EXEC
UNWIND = struct.pack("<IIB4sBBBBBI", 16, 0, 1, b"zR\0\1", 0x78, 0x10, 1, 0x1B, 0, 0)[:20]
UNWIND += struct.pack("<IIiIB3x", 16, 24, 0x100, 16, 0) + bytes(4)
TABLES = [
    Part(".eh_frame", UNWIND, ALLOC),
    Part(".gcc_except_table", b"\xff\xff\x01\x04\0\x10\x08\0", ALLOC),
    Part(".altinstructions", struct.pack("<iiHBB", 1, 2, 3, 4, 4), ALLOC),
    Part("__bug_table", struct.pack("<iiHH", 1, 2, 3, 4), ALLOC),
    Part(".init_array", bytes(8), ALLOC | WRITE, INIT_ARRAY, relocations=((0, 1, 1),)),
]


def seed(bits: int, linked: bool) -> bytes:
    text = Part(".text", b"\xe8\0\0\0\0\x0f\x0b\xc3" * 4, CODE, relocations=((1, 2, 1), (9, 4, 2)))
    parts = [text, *TABLES]
    maker = Maker(
        parts, [Sym("f", 8, 0, size=4), Sym("exit"), Sym("__start_mcount_loc", 0, 1, NOTYPE)], bits=bits
    )
    if linked:
        at = 0x80_0000
        maker.parts = [Part(p.name, p.data, p.flags, p.type, at + 0x1000 * i) for i, p in enumerate(parts)]
        maker.type, maker.entry, maker.symbols[0] = 2, at, Sym("f", at + 8, 0, size=4)
        maker.segments = [(1, 5, i, p.address, p.address, len(p.data)) for i, p in enumerate(maker.parts)]
        maker.segments.append((2, 6, 4, 0, 0, 0))
    return bytes(maker)


def kernel() -> bytes:
    head = bytearray(bytes(BzImage(b"\xf4" * 0x300 + gzip.compress(seed(32, True)))))
    struct.pack_into("<2I", head, 0x248, 0x300, len(head) - 0x700)
    head[0x201] = 0x66
    return bytes(head)


SEEDS = [(elf.READER, seed(bits, linked)) for bits in (32, 64) for linked in (False, True)]
SEEDS.append((bzimage.READER, kernel()))
KALLSYMS = (
    bytes(64) + kallsyms([(0x80_0000 + i, f"tname_{i}") for i in range(700)], 0x80_0000, True) + bytes(64)
)
EDGES = st.sampled_from([0, 1, 0x7F, 0x80, 0xFF, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF])


def check(reader: Reader, data: bytes) -> None:
    try:
        binaries = reader.read(data, "hostile")
    except PatcherError as error:
        assert str(error).startswith(("hostile", "In hostile", "A ", "The ", "Section ", "Program header"))  # noqa: PT017
        return
    for binary in binaries:
        check_order(binary, len(data))


def check_order(binary: Binary, size: int) -> None:
    """What the model promises, and no more of anything than the file can hold."""
    for rows in (binary.pointers, binary.fields, binary.returns_never):
        assert list(rows) == sorted(rows)
    for records in (binary.symbols, binary.functions, binary.rewritten):
        assert list(records) == sorted(records)
    places = [(entry.address, entry.mode) for entry in binary.entries]
    assert places == sorted(set(places))
    end = 0
    for section in binary.sections:
        assert section.address >= end
        assert len(section.data) <= section.size
        end = section.end
    if binary.name != "payload":
        assert sum(len(section.data) for section in binary.sections) <= 4 * size + 4096
    assert len(binary.entries) + len(binary.symbols) + len(binary.pointers) <= 4 * size


@given(
    st.sampled_from(SEEDS),
    st.lists(st.tuples(st.integers(0, 5000), st.binary(min_size=1, max_size=8)), max_size=6),
)
def test_changed_bytes(case: tuple[Reader, bytes], changes: list[tuple[int, bytes]]) -> None:
    reader, data = case[0], bytearray(case[1])
    for at, new in changes:
        data[at % len(data) : at % len(data) + len(new)] = new
    check(reader, bytes(data))


@given(st.sampled_from(SEEDS), st.lists(st.tuples(st.integers(0, 1200), EDGES), min_size=1, max_size=4))
def test_edge_values_in_words(case: tuple[Reader, bytes], changes: list[tuple[int, int]]) -> None:
    reader, data = case[0], bytearray(case[1])
    for at, value in changes:
        struct.pack_into("<I", data, at * 4 % (len(data) - 3), value)
    check(reader, bytes(data))


@given(st.sampled_from(SEEDS), st.integers(0, 5000))
def test_cut_off(case: tuple[Reader, bytes], size: int) -> None:
    check(case[0], case[1][:size])


@given(st.binary(max_size=300))
def test_any_bytes_behind_a_magic(data: bytes) -> None:
    check(elf.READER, b"\x7fELF" + data)
    for reader in (elf.READER, bzimage.READER, multiboot.READER):
        assert reader.matches(data) in (True, False)


@pytest.mark.parametrize("bits", [32, 64])
def test_seeds_themselves_are_read(bits: int) -> None:
    for linked in (False, True):
        (binary,) = elf.READER.read(seed(bits, linked), "seed")
        assert binary.functions


@example([(0, 0)])
@given(st.lists(st.tuples(st.integers(0, 9000), EDGES), min_size=1, max_size=6))
def test_a_damaged_kallsyms(changes: list[tuple[int, int]]) -> None:
    data = bytearray(KALLSYMS)
    for at, value in changes:
        struct.pack_into("<I", data, at * 4 % (len(data) - 3), value)
    section = Section(".rodata", 0x80_1000, memoryview(bytes(data)), len(data), False, False, 32, None)
    text = Section(".text", 0x80_0000, memoryview(bytes(0x800)), 0x800, True, False, 32, None)
    into = Gathering("linux", 32, Privilege.KERNEL, [text, section])
    assert read_kallsyms(into) or changes != [(0, 0)]
    check_order(into.binary("payload", "hostile"), len(data))
