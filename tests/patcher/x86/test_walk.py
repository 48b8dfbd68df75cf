# SPDX-License-Identifier: GPL-2.0-or-later
"""The fast walk: its tables say what the decoder and the catalogue say, and it ends where it should."""

from random import Random

import pytest
from encodings_to_try import LEGACY_PREFIXES, opcodes, random_code, sweep

from patcher.x86.length_tables import tables
from patcher.x86.walk import (
    BRANCH,
    CALL,
    END,
    SENSITIVE,
    STOP,
    TRUNCATED,
    UNDECODABLE,
    entry_at,
    straight_line,
)

BITS = (16, 32, 64)


def first_entry(code: bytes, bits: int) -> int:
    """``kind << 4 | length`` of the first instruction, by the walk."""
    lengths = bytearray(1)
    item = straight_line(code, 0, bits, 1, lengths)[0]
    return lengths[0] if item[2] & END else item[2] << 4 | item[1]


def differences(codes: list[bytes], bits: int) -> list[str]:
    return [
        f"{code.hex(' ')}: walk {first_entry(code, bits):#x}, decoder {entry_at(code, 0, bits):#x}"
        for code in codes
        if first_entry(code, bits) != entry_at(code, 0, bits)
    ]


@pytest.mark.parametrize("bits", BITS)
def test_every_opcode_as_decoded(bits: int) -> None:
    assert differences([code for where in opcodes((0, 1)) for code in list(sweep(*where))[::3]], bits) == []


@pytest.mark.parametrize("bits", BITS)
def test_behind_every_prefix_as_decoded(bits: int) -> None:
    prefixes = LEGACY_PREFIXES + (tuple(range(0x40, 0x50, 3)) if bits == 64 else ())
    codes = [
        code
        for number, prefix in enumerate(prefixes)
        for where in opcodes((0, 1))
        for code in list(sweep(*where, bytes((prefix,))))[number % 11 :: 37]
    ]
    assert differences(codes, bits) == []


@pytest.mark.parametrize("prefix", [0x66, 0xF2, 0xF3])
def test_a_mandatory_prefix_before_rex_as_decoded(prefix: int) -> None:
    codes = [
        code
        for rex in (b"\x40", b"\x48", b"\x4f")
        for where in opcodes((1,))
        for code in list(sweep(*where, bytes((prefix,)) + rex))[prefix % 5 :: 41]
    ]
    assert differences(codes, 64) == []


@pytest.mark.parametrize("bits", BITS)
def test_random_bytes_as_decoded(bits: int) -> None:
    random = Random(bits)
    assert differences([random_code(random, bits) for _ in range(6000)], bits) == []


def test_most_instructions_need_no_decoder() -> None:
    """A table full of zeroes would pass the tests above."""
    known = sum(1 for entry in tables(32).one_byte if entry)
    assert known > 0.85 * 65536


def test_items_are_what_is_not_ordinary() -> None:
    code = bytes.fromhex("55 89e5 fa 7405 e8 00000000 0fa2 8b0485 00000000 c3 90") + bytes(15)
    assert straight_line(code, 0, 32, 23) == [
        (3, 1, SENSITIVE),
        (4, 2, BRANCH),
        (6, 5, BRANCH | CALL),
        (11, 2, SENSITIVE),
        (20, 1, STOP),
    ]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("e9 00000000", BRANCH | STOP), ("eb 00", BRANCH | STOP), ("ff e0", STOP), ("ff d0", CALL),
        ("ff 28", SENSITIVE | STOP), ("ff 18", SENSITIVE | CALL), ("cf", SENSITIVE | STOP),
        ("cd 80", SENSITIVE), ("f4", SENSITIVE), ("0f 0b", STOP), ("0f 84 00000000", BRANCH),
        ("e2 00", BRANCH), ("0f 05", SENSITIVE), ("f0 90", SENSITIVE), ("f0 0f a3 c0", SENSITIVE),
        ("66 cf", SENSITIVE | STOP), ("2e 0f 01 00", SENSITIVE), ("f3 6c", SENSITIVE),
        ("c5 f8 a2", SENSITIVE), ("0f 01 c8", SENSITIVE), ("8f e0", SENSITIVE),
        ("8f e8 78 c2 ed 10", SENSITIVE), ("0f a6 c0", SENSITIVE),
        ("0f 04", SENSITIVE | STOP | UNDECODABLE),
    ],
)  # fmt: skip
def test_kinds(text: str, kind: int) -> None:
    code = bytes.fromhex(text)
    length = 1 if kind & UNDECODABLE else len(code)
    assert straight_line(code + bytes(15), 0, 32, 1)[0] == (0, length, kind)


def test_lengths_are_written_and_known_ones_end_the_walk() -> None:
    code = bytes.fromhex("90 8b442404 6690 90 90") + bytes(15)
    lengths = bytearray(9)
    lengths[8] = 1
    assert straight_line(code, 0, 32, 9, lengths) == [(8, 0, STOP | END)]
    assert lengths == bytes([1, 4, 0, 0, 0, 2, 0, 1, 1])


def test_the_last_instruction_may_reach_over_the_end() -> None:
    code = bytes.fromhex("90 b8 78563412")
    lengths = bytearray(3)
    assert straight_line(code, 0, 32, 3, lengths) == [(6, 0, STOP | END)]
    assert lengths == bytes([1, 5, 0])


def test_a_cut_instruction_is_told() -> None:
    assert straight_line(bytes.fromhex("90 b8 7856"), 0, 32, 4) == [(1, 0, STOP | TRUNCATED)]


@pytest.mark.parametrize("size", range(1, 40))
def test_the_end_of_the_code_changes_nothing_before_it(size: int) -> None:
    code = (bytes.fromhex("8b442404 660f6f00 0fb64c2410 64a100000000 f3a4 81840000000000 11111111") * 2)[
        :size
    ]
    offset = 0
    for at, length, kind in straight_line(code, 0, 32, size):
        assert (at, length, kind & STOP) in ((size, 0, STOP), (at, 0, STOP))
        offset = at
    assert size - offset < 15


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_bytes_will_do(kind: type) -> None:
    assert straight_line(kind(b"\x90\xc3" + bytes(15)), 0, 32, 2) == [(1, 1, STOP)]
