# SPDX-License-Identifier: GPL-2.0-or-later
"""Words that look like addresses of code, in a program linked to a fixed address."""

import struct

from elf_maker import ALLOC, EXEC, WRITE, Maker, Part, Sym

from patcher.binary.elf import READER

_CODE, _DATA = 0x80_0000, 0x80_1000


def _pointers(*words: int) -> tuple[int, ...]:
    """Those that are taken for pointers, with functions at [0x800010, 0x800020) and [0x800020, 0x800040)."""
    text = Part(".text", b"U" * 7 + b"\xc3" + b"U" * 0x38, ALLOC | EXEC, address=_CODE)
    data = Part(".data", struct.pack(f"<{len(words)}I", *words), ALLOC | WRITE, address=_DATA)
    functions = [Sym("f", _CODE + 0x10, 0, size=0x10), Sym("g", _CODE + 0x20, 0, size=0x20)]
    segments = [(1, 5, 0, _CODE, _CODE, 0x40), (1, 6, 1, _DATA, _DATA, 4 * len(words))]
    (binary,) = READER.read(
        bytes(Maker([text, data], functions, type=2, entry=_CODE, segments=segments)), "prog"
    )
    return binary.pointers


def test_the_start_of_a_function_and_what_lies_in_none() -> None:
    assert _pointers(_CODE + 0x10, 7, _CODE + 8) == (_CODE + 8, _CODE + 0x10)


def test_a_word_alone_that_points_into_a_function_is_a_number() -> None:
    assert _pointers(7, _CODE + 0x24, 7) == ()
    assert _pointers(_CODE + 0x14, _CODE + 0x24) == ()


def test_labels_beside_each_other() -> None:
    assert _pointers(_CODE + 0x24, _CODE + 0x3F, 7) == (_CODE + 0x24, _CODE + 0x3F)


def test_a_word_alone_that_points_between_functions_is_one_where_a_function_may_begin() -> None:
    assert _pointers(_CODE, 7, _CODE + 8, 7, _CODE + 9) == (_CODE, _CODE + 8)


def test_without_functions_any_word_is_taken() -> None:
    text = Part(".text", b"U" * 0x40, ALLOC | EXEC, address=_CODE)
    data = Part(".data", struct.pack("<2I", _CODE + 9, 7), ALLOC | WRITE, address=_DATA)
    segments = [(1, 5, 0, _CODE, _CODE, 0x40), (1, 6, 1, _DATA, _DATA, 8)]
    (binary,) = READER.read(bytes(Maker([text, data], type=2, entry=_CODE, segments=segments)), "prog")
    assert binary.pointers == (_CODE + 9,)
