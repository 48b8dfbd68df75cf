# SPDX-License-Identifier: GPL-2.0-or-later
"""The sweeps against the decoder and the catalogue, one instruction after the other."""

from collections.abc import Iterator
from itertools import product
from random import Random

import pytest
from encodings_to_try import ESCAPES, LEGACY_PREFIXES, random_code
from hypothesis import given, settings
from hypothesis import strategies as st
from sweep_reference import decoded, decoded_anywhere

from patcher.catalogue import CATALOGUE
from patcher.sweep import anywhere, sweep

BITS = (16, 32, 64)
WITNESSES = b"\xfa" * 16
"""cli: each of them is found, so they tell where the instruction before them ended."""


def differences(codes: Iterator[bytes], bits: int) -> list[str]:
    return [code.hex(" ") for code in codes if list(sweep(code, bits)) != decoded(code, bits)][:10]


def fronts(bits: int, random: Random) -> list[bytes]:
    """No prefix, every prefix, and some sequences of them, also too long ones."""
    prefixes = [bytes((byte,)) for byte in (*LEGACY_PREFIXES, *((0x40, 0x41, 0x48) if bits == 64 else ()))]
    pairs = [one + other for one in prefixes for other in prefixes]
    more = [b"".join(random.choices(prefixes, k=count)) for count in (3, 3, 4, 5, 9, 13, 14)]
    return [b"", *prefixes, *random.sample(pairs, 16), *more]


def encodings(bits: int, modrms: int) -> Iterator[bytes]:
    """Every opcode of every map behind every front, with some values of ModRM each."""
    random = Random(bits)
    for front in fronts(bits, random):
        for opmap, escape in enumerate(ESCAPES):
            for opcode in range(256):
                for modrm in random.sample(range(256), modrms if opmap < 2 else 1):
                    sib = random.choice((0x24, 0x25, 0x8D))
                    yield front + escape + bytes((opcode, modrm, sib)) + WITNESSES


def every_modrm(bits: int) -> Iterator[bytes]:
    """Every opcode of the two maps that rows divide; what a row claims, with every ModRM."""
    claimed = {(row.key.opmap, row.key.opcode) for row in CATALOGUE}
    for opmap, escape in enumerate(ESCAPES[:2]):
        for opcode in range(256):
            for modrm in range(0, 256, 1 if (opmap, opcode) in claimed else 11):
                yield escape + bytes((opcode, modrm, 0x25)) + WITNESSES


def vexed(bits: int) -> Iterator[bytes]:
    """VEX and EVEX prefixes, with and without others ahead of them."""
    random = Random(bits)
    for front in (b"", b"\x66", b"\x48", b"\x67", b"\xf3"):
        for first in (0xC4, 0xC5, 0x62):
            for second in range(256):
                yield front + bytes((first, second)) + random.randbytes(5) + WITNESSES


@pytest.mark.parametrize("bits", BITS)
def test_every_opcode_behind_prefixes(bits: int) -> None:
    assert differences(encodings(bits, 1), bits) == []


@pytest.mark.parametrize("bits", BITS)
def test_every_opcode_with_every_modrm(bits: int) -> None:
    assert differences(every_modrm(bits), bits) == []


@pytest.mark.parametrize("bits", BITS)
def test_vex(bits: int) -> None:
    assert differences(vexed(bits), bits) == []


def of_other_makers(bits: int) -> Iterator[bytes]:
    """All second bytes of XOP with some opcodes and operands, and all that may follow PadLock's opcodes."""
    random = Random(bits)
    for front in (b"", b"\x66", b"\x67", b"\xf3", b"\xf0", b"\x48"):
        for second in range(256):
            for modrm in range(random.randrange(16), 256, 16):
                yield front + bytes((0x8F, second)) + random.randbytes(2) + bytes((modrm, 0x25)) + WITNESSES
        for opcode, modrm in product((0xA6, 0xA7), range(256)):
            yield front + bytes((0x0F, opcode, modrm)) + WITNESSES


@pytest.mark.parametrize("bits", BITS)
def test_xop_and_padlock(bits: int) -> None:
    assert differences(of_other_makers(bits), bits) == []


@pytest.mark.parametrize("bits", BITS)
def test_random_bytes(bits: int) -> None:
    random = Random(bits)
    assert differences((random_code(random, bits) + WITNESSES for _ in range(6000)), bits) == []
    assert differences((random.randbytes(4000) for _ in range(25)), bits) == []


@pytest.mark.parametrize("bits", BITS)
def test_random_bytes_at_every_offset(bits: int) -> None:
    random = Random(bits)
    for _ in range(40):
        code = random.randbytes(300) + b"".join(random_code(random, bits) for _ in range(10))
        assert list(anywhere(code, bits)) == decoded_anywhere(code, bits)


LIKELY_BYTES = st.sampled_from(b"\xfa\x90\x66\xcc\x0f\xa2\xb8\x8e")
CODES = st.binary(max_size=60) | st.lists(LIKELY_BYTES, min_size=12, max_size=30).map(bytes)


@settings(max_examples=400, deadline=None)
@given(code=CODES, bits=st.sampled_from(BITS), start=st.integers(0, 5), end=st.integers(0, 40))
def test_bounds(code: bytes, bits: int, start: int, end: int) -> None:
    """Instructions begin between them; the bytes behind ``end`` are there to be read."""
    after = [(offset + start, length) for offset, length in decoded(code[start:], bits)]
    assert list(sweep(code, bits, start, end)) == [item for item in after if item[0] < end]
    after = [(offset + start, length) for offset, length in decoded_anywhere(code[start:], bits)]
    assert list(anywhere(code, bits, start, end)) == [item for item in after if item[0] < end]


def test_offsets_and_lengths() -> None:
    code = bytes.fromhex("55 89e5 fa 660fb6c0 f36c 0f01f8 65668ed8 f00fb101 9c 0f04 90 cd80 c3")
    assert list(sweep(code, 32)) == [(3, 1), (8, 2), (13, 4), (21, 1), (25, 2)]
    assert list(sweep(code, 64)) == [(3, 1), (8, 2), (10, 3), (13, 4), (21, 1), (25, 2)]


@pytest.mark.parametrize(
    ("text", "bits", "is_found"),
    [
        ("f3 0f c7 f8", 64, True), ("0f c7 f8", 64, False), ("66 0f c7 f8", 64, False),
        ("f3 0f ae c0", 64, True), ("f3 0f ae c0", 32, False), ("0f ae c0", 64, False),
        ("66 0f 38 82 01", 32, True), ("0f 38 82 01", 32, False), ("f3 66 0f 38 82 01", 32, False),
        ("f0 fa", 32, False), ("f0 0f 20 c0", 32, False), ("0f 20 c0", 32, True), ("0f 20 c8", 32, False),
        ("c5 01", 32, True), ("c5 f8 77", 32, False), ("62 01", 16, True), ("62 f1 7c 48 10 c0", 64, False),
        ("67 8e 18", 64, True), ("67 8e 00", 32, True), ("67 66 8e 06 00 00", 32, True),
        ("66 9a 00 00 00 00", 32, True), ("9a 00 00 00 00 00 00", 32, True), ("9a 00 00 00 00", 16, True),
        ("66 66 66 66 66 66 66 66 66 66 66 66 66 66 fa", 32, True),
        ("0f c7 f0", 32, False), ("8c f8", 32, False), ("8e c8", 32, False), ("9c", 16, True),
    ],
)  # fmt: skip
def test_prefixes_and_forms_that_decide(text: str, bits: int, is_found: bool) -> None:
    code = bytes.fromhex(text)
    expected = [(0, len(code))] if is_found else []
    assert list(sweep(code, bits)) == expected
    assert [item for item in anywhere(code, bits) if item[0] == 0] == expected


def test_sixteen_bytes_are_no_instruction() -> None:
    assert list(sweep(b"\x66" * 15 + b"\xfa", 32)) == [(1, 15)]


@pytest.mark.parametrize("bits", BITS)
def test_endless_prefixes(bits: int) -> None:
    for code in (b"\x66" * 1000 + b"\xfa", b"\x65\x64\xf0\x67" * 200 + b"\x48\xfa", b"\x48\x66" * 300):
        assert list(sweep(code, bits)) == decoded(code, bits)
    assert list(sweep(b"\x66" * 1000 + b"\xfa", bits)) == [(986, 15)]


def test_an_instruction_over_the_end() -> None:
    code = bytes.fromhex("90 fa 90 0fa2 fa")
    assert [list(sweep(code, 32, 1, end)) for end in (1, 2, 4, 5)] == [[], [(1, 1)], *[[(1, 1), (3, 2)]] * 2]
    assert [list(anywhere(code, 32, 1, end)) for end in (1, 3, 4)] == [[], [(1, 1)], [(1, 1), (3, 2)]]
    assert list(anywhere(bytes.fromhex("90 f30fc7f8"), 64, 0, 1)) == []


@pytest.mark.parametrize("bits", [32, 64])
def test_instructions_of_other_makers(bits: int) -> None:
    """Out of step, the sweep would find in and out in their bytes."""
    code = bytes.fromhex("8fe878c2ed10 8fe970126cc6ee 8fea7810eeefeeefee f30fa7d0 0fa6c0 fa")
    assert list(sweep(code, bits)) == [(len(code) - 1, 1)]


def test_int3_in_a_row_is_fill() -> None:
    code = bytes.fromhex("c3 cccccccc 90 cc 90 b8cccccccc cc c3 f3cc cccc")
    assert list(sweep(code, 32)) == [(6, 1), (13, 1), (15, 2)]


def test_the_end_inside_an_instruction() -> None:
    """Its bytes are not swept as if they were instructions."""
    assert list(sweep(bytes.fromhex("fa b8 fafafa"), 32)) == [(0, 1)]


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_bytes_will_do(kind: type) -> None:
    code = kind(bytes.fromhex("90 fa ffc0 f30fc7f8 c5"))
    assert list(sweep(code, 64)) == [(1, 1), (4, 4)]
    assert list(anywhere(code, 64)) == [(1, 1), (4, 4)]
