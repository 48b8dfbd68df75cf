# SPDX-License-Identifier: GPL-2.0-or-later
"""Code bytes as lines with an address, bytes and text; made with the disassembler where it can be loaded."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from patcher.x86.decode import Truncated, decode


@dataclass(frozen=True, slots=True)
class Line:
    """One instruction: linear address, its bytes, its text (empty where there is no disassembler)."""

    address: int
    raw: bytes
    text: str


def listing(code: bytes, address: int, bits: int) -> Iterable[Line]:
    """Every instruction of `code`, which starts at linear `address` in a segment of `bits` (16 or 32)."""
    try:
        from patcher.decoder import instructions
    except ImportError:
        return _without_text(code, address, bits)
    return (Line(*found) for found in instructions(code, address, bits))


def _without_text(code: bytes, address: int, bits: int) -> Iterator[Line]:
    """The same by our own decoder: a byte at a time where there is no instruction."""
    offset = 0
    while offset < len(code):
        try:
            insn = decode(code, offset, bits)
        except Truncated:
            insn = None
        raw = code[offset : offset + 1] if insn is None else insn.raw
        yield Line(address + offset, raw, "")
        offset += len(raw)
