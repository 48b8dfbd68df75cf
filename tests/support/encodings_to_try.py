# SPDX-License-Identifier: GPL-2.0-or-later
"""Instruction encodings to try: systematic sweeps and random ones."""

from collections.abc import Iterator
from random import Random

from patcher.x86.opcodes import MAPS, Operands

ESCAPES = (b"", b"\x0f", b"\x0f\x38", b"\x0f\x3a")
LEGACY_PREFIXES = (0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65, 0x66, 0x67, 0xF0, 0xF2, 0xF3)

MODRMS = tuple(
    reg << 3 | rest for reg in range(8) for rest in (0x01, 0x04, 0x05, 0x06, 0x41, 0x44, 0x82, 0x84, 0xC1)
)
"""Every reg with: plain memory, SIB, displacement alone (32 and 16 bits), both displacements, a register."""
SIBS = (0x24, 0x25, 0x8D)

TAIL = bytes(range(0x11, 0x1E))


def opcodes(maps: tuple[int, ...] = (0, 1, 2, 3)) -> Iterator[tuple[int, int]]:
    """(map, opcode) of everything that is not a prefix or an escape."""
    for opmap in maps:
        for opcode in range(256):
            if MAPS[opmap][opcode].operands is not Operands.PREFIX:
                yield opmap, opcode


def sweep(opmap: int, opcode: int, prefix: bytes = b"") -> Iterator[bytes]:
    """An opcode with every ModRM of ``MODRMS`` and every SIB of ``SIBS``, and bytes enough behind."""
    start = prefix + ESCAPES[opmap] + bytes((opcode,))
    for modrm in MODRMS:
        for sib in SIBS if modrm & 7 == 4 and modrm < 0xC0 else (0x11,):
            yield start + bytes((modrm, sib)) + TAIL


def random_code(random: Random, bits: int) -> bytes:
    """16 random bytes, with more prefixes and escapes in front than chance would give."""
    code = bytearray(random.randbytes(16))
    front = LEGACY_PREFIXES + ((0x41, 0x48, 0x4F) if bits == 64 else ())
    at = 0
    while at < 4 and random.random() < 0.35:
        code[at] = random.choice(front)
        at += 1
    if random.random() < 0.3:
        code[at] = 0x0F
        if random.random() < 0.2:
            code[at + 1] = random.choice((0x38, 0x3A))
    return bytes(code)
