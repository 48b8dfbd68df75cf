# SPDX-License-Identifier: GPL-2.0-or-later
"""COFF objects: sections get addresses, relocations are applied, names left to the linker are kept apart."""

import struct
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pe_files import Chunk, coff_object

from patcher import binary
from patcher.binary import Binary, Origin, Privilege
from patcher.errors import PatcherError

DATA, DEBUG = 0xC030_0040, 0x4210_0040
FUNCTION = 0x20
SYMBOLS = ((b"f", 0, 1, FUNCTION), (b"h", 0x10, 1, FUNCTION), (b"_abort", 0, 0, FUNCTION), (b"v", 4, 2, 0))


def read(data: bytes) -> Binary:
    (found,) = binary.read(data, "file.obj")
    return found


def word(found: Binary, section: int, at: int) -> int:
    return int(struct.unpack_from("<i", found.sections[section].data, at)[0])


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize(("bits", "relative", "absolute"), [(32, 0x14, 6), (64, 4, 2)])
def test_relocations_are_applied_and_their_fields_known(
    bits: int, relative: int, absolute: int, big: bool
) -> None:
    code = Chunk(
        b"\xe8\0\0\0\0\xe8\0\0\0\0".ljust(0x20, b"\xc3"), relocations=((1, 1, relative), (6, 2, relative))
    )
    table = Chunk(bytes(8), b".data", DATA, ((4, 1, absolute),))
    found = read(coff_object((code, table), SYMBOLS, bits, big))
    text, data = found.sections
    assert (found.format, found.mode, found.privilege) == ("coff", bits, Privilege.UNKNOWN)
    assert (word(found, 0, 1), word(found, 1, 4)) == (0x10 - 5, text.address + 0x10)
    assert [address - text.address for address in found.fields] == [1, 6]
    assert found.pointers == (text.address + 0x10,)
    assert text.end <= data.address
    assert text.file_offset == (56 if big else 20) + 80


def test_names_left_to_the_linker_lie_outside_every_section() -> None:
    code = Chunk(b"\xe8\0\0\0\0\xcc", relocations=((1, 2, 0x14),))
    found = read(coff_object((code,), SYMBOLS[:3]))
    (outside,) = found.imports
    assert outside.name == "_abort"
    assert found.section_at(outside.address) is None
    assert found.sections[0].address + 5 + word(found, 0, 1) == outside.address


def test_functions_and_labels_that_others_see_are_entries() -> None:
    found = read(coff_object((Chunk(b"\xc3" * 0x20),), (*SYMBOLS[:2], (b"exit", 0x18, 1, FUNCTION))))
    start = found.sections[0].address
    assert [(e.address - start, e.name, e.origin) for e in found.entries] == [
        (0, "f", Origin.SYMBOL), (0x10, "h", Origin.SYMBOL), (0x18, "exit", Origin.SYMBOL),
    ]  # fmt: skip
    assert found.returns_never == (start + 0x18,)


def test_fields_in_steps_of_rel32_count_from_behind_the_immediate() -> None:
    code = Chunk(b"\xc6\x05\0\0\0\0\1".ljust(0x20, b"\xc3"), relocations=((2, 1, 5),))
    assert word(read(coff_object((code,), SYMBOLS, 64)), 0, 2) == 0x10 - 7


def test_unwind_data_gives_extents() -> None:
    rows = Chunk(bytes(12), b".pdata", 0x4030_0040, ((0, 0, 3), (4, 1, 3), (8, 1, 3)))
    found = read(coff_object((Chunk(b"\xc3" * 0x20), rows), SYMBOLS, 64))
    start = found.sections[0].address
    assert [(f.start - start, f.end - start, f.name) for f in found.functions] == [(0, 0x10, "f")]


def test_what_no_linker_takes_is_left_out() -> None:
    found = read(coff_object((Chunk(b"\xc3"), Chunk(b"lines", b".debug$S", DEBUG)), SYMBOLS[:1]))
    assert [section.name for section in found.sections] == [".text"]


def test_relocations_outside_their_section_are_left_out() -> None:
    chunk = Chunk(b"\xc3", relocations=((0x7000_0000, 0, 0x14),))
    assert bytes(read(coff_object((chunk,), SYMBOLS[:1])).sections[0].data) == b"\xc3"


def test_text_is_no_object() -> None:
    assert binary.detect(b"L\x01 is how this text begins, and it goes on for longer than a header") is None


@given(st.data())
def test_damaged_objects_never_give_a_traceback(data: st.DataObject) -> None:
    code = Chunk(b"\xe8\0\0\0\0".ljust(0x20, b"\xc3"), relocations=((1, 1, 0x14),))
    file = bytearray(coff_object((code, Chunk(bytes(8), b".data", DATA, ((4, 1, 6),))), SYMBOLS))
    for _ in range(data.draw(st.integers(1, 6))):
        file[data.draw(st.integers(2, len(file) - 1))] = data.draw(
            st.sampled_from([0, 1, 0x10, 0x7F, 0x80, 0xFF])
        )
    with suppress(PatcherError):
        for found in binary.read(bytes(file), "bad.obj"):
            assert sum(len(section.data) for section in found.sections) <= 2 * len(file)
