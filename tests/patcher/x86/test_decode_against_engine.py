# SPDX-License-Identifier: GPL-2.0-or-later
"""Lengths against the engine that runs the code: what it takes for an instruction must be one for the scan.

What the engine refuses has no length there; what the catalogue calls invalid is never run, so its length does
not matter (the engine runs ``movmskps`` and the ``psllw`` group on memory as if it were a register).
"""

from random import Random

import pytest
from bare_engine import BareEngine
from encodings_to_try import LEGACY_PREFIXES, opcodes, random_code, sweep

from patcher.catalogue import classify
from patcher.x86.decode import decode
from patcher.x86.insn import VEX_MAP, Insn

BITS = (16, 32, 64)


def ignores_encoding(insn: Insn) -> bool:
    """What the engine takes for another instruction in 64-bit mode, where the catalogue lets it be: VEX
    prefixes count for nothing, and extrq and insertq of memory are read as if ModRM named a register.
    """
    return insn.opmap == VEX_MAP or ((insn.opmap, insn.opcode) == (1, 0x78) and insn.is_memory)


def is_no_xop(code: bytes) -> bool:
    """An XOP prefix of a map that does not exist: the engine runs pop, a processor and a scan refuse it."""
    opcode = code.lstrip(bytes((*LEGACY_PREFIXES, *range(0x40, 0x50))))
    return opcode[0] == 0x8F and opcode[1] & 0x18 != 0


def disagreements(codes: list[bytes], bits: int) -> list[str]:
    engine = BareEngine(bits)
    wrong = []
    for code in codes:
        insn = decode(code, 0, bits)
        row = classify(insn) if insn is not None else None
        if row is not None and row.family == "invalid":
            continue  # some abort the engine's whole process: lock bt r,r
        if (insn is not None and bits == 64 and ignores_encoding(insn)) or (insn is None and is_no_xop(code)):
            continue
        length = engine.run(code).length
        if length is not None and (insn is None or insn.length != length):
            ours = insn.length if insn else "no instruction"
            wrong.append(f"{code.hex(' ')}: {ours}, the engine says {length}")
    return wrong


@pytest.mark.parametrize("bits", BITS)
def test_random_bytes(bits: int) -> None:
    random = Random(1000 + bits)
    assert disagreements([random_code(random, bits) for _ in range(4000)], bits) == []


@pytest.mark.parametrize(("bits", "prefix"), [(16, b""), (32, b""), (32, b"\x66"), (64, b"")])
def test_every_opcode(bits: int, prefix: bytes) -> None:
    codes = [
        code for where in opcodes() for code in list(sweep(*where, prefix))[:: 13 if where[0] < 2 else 40]
    ]
    assert disagreements(codes, bits) == []


@pytest.mark.parametrize(
    ("text", "bits", "length"),
    [
        ("66 e8 fb ff", 32, 4), ("66 e9 fb ff", 32, 4), ("66 0f 84 fb ff", 32, 5), ("66 e8 fb ff", 64, 4),
        ("0f 20 00", 32, 3), ("0f 23 80", 32, 3), ("66 0f 78 c1 01 02", 32, 6), ("f6 c0 01", 32, 3),
        ("f6 d0", 32, 2), ("66 f7 c0 01 00", 32, 5), ("66 67 c7 06 34 12 01 00", 32, 8),
        ("c8 01 00 00", 32, 4),
    ],
)  # fmt: skip
def test_forms_that_decoders_get_wrong(text: str, bits: int, length: int) -> None:
    code = bytes.fromhex(text) + bytes(12)
    assert BareEngine(bits).run(code).length == length
    insn = decode(code, 0, bits)
    assert insn is not None
    assert insn.length == length
