# SPDX-License-Identifier: GPL-2.0-or-later
"""Lengths against Capstone, over every opcode, and where the two are known to differ.

Capstone is asked only where it decodes at all; it rejects valid forms too (DC D0, 0F 1D, 66 F3 90).
"""

from collections.abc import Iterator
from itertools import product
from random import Random

import pytest
from encodings_to_try import MODRMS, SIBS, TAIL, opcodes, random_code, sweep

from patcher.decoder import lengths
from patcher.x86.decode import decode
from patcher.x86.insn import Insn

BITS = (16, 32, 64)
PREFIXES = {16: (b"\x66", b"\x67", b"\x66\x67"), 32: (b"\x66", b"\x67"), 64: (b"\x66", b"\x48", b"\x67")}

NEAR_BRANCHES = {(0, 0xE8), (0, 0xE9), *((1, opcode) for opcode in range(0x80, 0x90))}


def known_difference(insn: Insn) -> str | None:
    """Why Capstone's length is another one."""
    where = (insn.opmap, insn.opcode)
    if where in ((1, 0xFF), (1, 0xB9)):
        return "ud0 and ud1 have a ModRM byte: Capstone counts none"
    if where == (1, 0x78) and (insn.rep == 0xF2 or 0x66 in insn.raw[: insn.prefixes]):
        return "with 66 or F2 it is SSE4A's extrq or insertq with two immediates: Capstone sees vmread"
    if where == (0, 0x8F) and insn.reg:
        return "in 16-bit code 8F /1../7 is no XOP prefix, since real mode has none: Capstone sees one"
    if insn.bits == 64 and 0x66 in insn.raw[: insn.prefixes]:
        if where in NEAR_BRANCHES:
            return (
                "66 makes it rel16 on the engine and on AMD's processors: Capstone reads rel32, as Intel's do"
            )
        if where == (0, 0xC2):
            return "66 48 C2 has an immediate of 16 bits: Capstone reads 32"
    return None


def disagreements(codes: list[bytes], bits: int) -> list[str]:
    wrong = []
    for code in codes:
        theirs = lengths(code, bits, 1)
        insn = decode(code, 0, bits)
        ours = insn.length if insn else 0
        if theirs and theirs != [ours] and (insn is None or known_difference(insn) is None):
            wrong.append(f"{code.hex(' ')}: {ours} bytes, Capstone says {theirs[0]}")
    return wrong


@pytest.mark.parametrize("bits", BITS)
def test_every_opcode(bits: int) -> None:
    codes = [code for where in opcodes((0, 1)) for code in sweep(*where)]
    assert disagreements(codes, bits) == []


@pytest.mark.parametrize(("bits", "prefix"), [(bits, prefix) for bits in BITS for prefix in PREFIXES[bits]])
def test_every_opcode_behind_a_prefix(bits: int, prefix: bytes) -> None:
    codes = [code for where in opcodes((0, 1)) for code in list(sweep(*where, prefix))[::5]]
    assert disagreements(codes, bits) == []


@pytest.mark.parametrize("bits", BITS)
def test_three_byte_opcodes(bits: int) -> None:
    codes = [
        code
        for prefix in (b"", b"\x66")
        for where in opcodes((2, 3))
        for code in list(sweep(*where, prefix))[::7]
    ]
    assert disagreements(codes, bits) == []


@pytest.mark.parametrize("bits", BITS)
def test_random_bytes(bits: int) -> None:
    random = Random(bits)
    assert disagreements([random_code(random, bits) for _ in range(8000)], bits) == []


def of_other_makers(bits: int) -> Iterator[bytes]:
    """Every opcode of every map of XOP with several operands, and everything behind PadLock's two opcodes."""
    random = Random(bits)
    for front in (b"", *((b"\x67",) if bits == 32 else (b"\x48",))):
        for second in range(256):
            for opcode in range(256):
                for modrm in random.sample(MODRMS, 3):
                    tail = bytes((random.choice((0x78, 0xF8, 0x70)), opcode, modrm, random.choice(SIBS)))
                    yield front + bytes((0x8F, second)) + tail + TAIL
    for front in (b"", b"\xf3"):
        for opcode, modrm in product((0xA6, 0xA7), range(256)):
            yield front + bytes((0x0F, opcode, modrm)) + TAIL


@pytest.mark.parametrize("bits", [32, 64])
def test_instructions_of_other_makers(bits: int) -> None:
    codes = list(of_other_makers(bits))
    assert disagreements(codes, bits) == []
    assert sum(bool(lengths(code, bits, 1)) for code in codes) > 1000  # that Capstone knows, too


@pytest.mark.parametrize(
    ("text", "bits"),
    [
        ("0f ff c0", 32),
        ("0f b9 c0", 32),
        ("66 0f 78 01 01 02", 16),
        ("66 e8 00 00", 64),
        ("66 48 c2 08 00", 64),
    ],
)
def test_the_known_differences_still_exist(text: str, bits: int) -> None:
    """One that is gone must leave the list."""
    code = bytes.fromhex(text) + bytes(12)
    insn = decode(code, 0, bits)
    assert insn is not None
    assert insn.raw == bytes.fromhex(text)
    assert known_difference(insn) is not None
    assert lengths(code, bits, 1)[0] != insn.length


def test_capstone_knows_xop_where_real_mode_does_not() -> None:
    code = bytes.fromhex("8f e8 78 c2 ed 10") + bytes(12)
    insn = decode(code, 0, 16)
    assert insn is not None
    assert (insn.length, lengths(code, 16, 1)) == (2, [6])
    assert known_difference(insn) is not None
