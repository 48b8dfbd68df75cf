# SPDX-License-Identifier: GPL-2.0-or-later
"""Code bytes as lines with an address, bytes and text; made with the disassembler where it can be loaded."""

from collections.abc import Iterator
from dataclasses import dataclass

from patcher.x86.decode import Truncated, decode


@dataclass(frozen=True, slots=True)
class Line:
    """One instruction: linear address, its bytes, its text ("(bad)" where nothing can be decoded)."""

    address: int
    raw: bytes
    text: str


def listing(code: bytes, address: int, bits: int) -> Iterator[Line]:
    """Every instruction of `code`, which starts at linear `address` in a segment of `bits` (16 or 32)."""
    offset = 0
    while offset < len(code):
        raw = _one(code, offset, bits)
        yield Line(address + offset, raw or code[offset : offset + 1], _text(raw, address + offset, bits))
        offset += len(raw) or 1


def _one(code: bytes, offset: int, bits: int) -> bytes:
    """The bytes of the instruction at `offset`, by the processor's length rules; empty when there is none."""
    try:
        insn = decode(code, offset, bits)
    except Truncated:
        return b""
    return b"" if insn is None else insn.raw


def _text(raw: bytes, address: int, bits: int) -> str:
    """Mnemonic and operands; "(bad)" for what is no instruction, empty where there is no disassembler."""
    if not raw:
        return "(bad)"
    try:
        from patcher.decoder import disassemble
    except ImportError:
        return ""
    return disassemble(raw, address, bits) or "(bad)"
