# SPDX-License-Identifier: GPL-2.0-or-later
"""Walking straight-line code fast: two bytes look up length and kind of nearly every instruction.

The tables come from the opcode maps and the catalogue (``length_tables``); what they do not decide is
decoded.
"""

from typing import Final

from patcher.catalogue import classify
from patcher.x86.decode import MAX_LENGTH, Code, Truncated, decode, flow
from patcher.x86.length_tables import (
    BRANCH,
    CALL,
    FLOW_KINDS,
    ORDINARY,
    SENSITIVE,
    SKIP_ONE_BYTE,
    SKIP_WIDE,
    STOP,
    Tables,
    tables,
)

__all__ = [
    "BRANCH", "CALL", "END", "ORDINARY", "SENSITIVE", "STOP", "TRUNCATED", "UNDECODABLE",
    "Item", "entry_at", "second", "straight_line",
]  # fmt: skip

UNDECODABLE: Final = 16
"""No instruction starts here; its length counts as 1. Comes with SENSITIVE and STOP."""
TRUNCATED: Final = 32
"""The code ends inside this instruction; its length counts as 0. Comes with STOP."""
END: Final = 64
"""Not an instruction: the walk came to its end, or to an offset whose length was known. Comes with STOP."""

Item = tuple[int, int, int]
"""Offset, length and kind of one instruction."""


def straight_line(
    code: Code, offset: int, bits: int, end: int, lengths: bytearray | None = None
) -> list[Item]:
    """Walk from ``offset`` until control does not go on, or to ``end``.

    Returns the instructions that are not ordinary, in order; a kind is a sum of SENSITIVE, STOP, BRANCH and
    CALL. The last item has STOP. ``lengths``, when given, has a byte for each offset below ``end``: the walk
    ends where one is not zero, and writes the length of every instruction that it passes. ``code`` should
    hold 14 bytes past ``end`` where there are any, for an instruction that begins below and ends above it.
    """
    code = bytes(code)
    if lengths is None:
        lengths = bytearray(end)
    found: list[Item] = []
    table = tables(bits)
    first = table.one_byte
    safe = len(code) - MAX_LENGTH
    while offset < end and not lengths[offset]:
        if offset > safe:
            entry = entry_at(code, offset, bits)
        else:
            entry = first[code[offset] | code[offset + 1] << 8] or second(code, offset, table)
        if entry < 16:
            lengths[offset] = entry
            offset += entry
            continue
        length, kind = entry & 15, entry >> 4
        found.append((offset, length, kind))
        lengths[offset] = length
        if kind & STOP:
            return found
        offset += length
    found.append((offset, 0, STOP | END))
    return found


def second(code: bytes, offset: int, table: Tables) -> int:
    """The entry of an instruction that two bytes do not decide: a prefix, 0F, or a SIB byte."""
    byte = code[offset]
    if byte == 0x0F:
        entry = _look_up(table.two_byte, code, offset + 1)
    elif byte == 0x66:
        entry = _look_up(table.narrow, code, offset + 1) or _escaped(code, offset, table)
    elif table.prefixes[byte]:
        entry = _after_prefix(code, offset + 1, table, table.prefixes[byte])
        if entry == 0 and byte >= 0xF2:
            entry = _escaped(code, offset, table)
    else:
        entry = _look_up(table.one_byte, code, offset)
    return entry or entry_at(code, offset, table.bits)


def _escaped(code: bytes, offset: int, table: Tables) -> int:
    """The entry for 66, F2 or F3, perhaps REX, and 0F; 0 for anything else."""
    at = offset + 1
    if table.bits == 64 and code[at] & 0xF0 == 0x40:
        at += 1
    entry = _look_up(table.mandatory[code[offset]], code, at + 1) if code[at] == 0x0F else 0
    return entry and entry + at - offset - 1


def _after_prefix(code: bytes, offset: int, table: Tables, skip: int) -> int:
    byte = code[offset]
    if skip == SKIP_WIDE and byte & 0xF8 == 0xB8:  # a 64-bit immediate
        return 0
    if byte == 0x0F:
        entry = 0 if skip == SKIP_ONE_BYTE else _look_up(table.two_byte, code, offset + 1)
    else:
        entry = _look_up(table.one_byte, code, offset)
    return entry and entry + 1


def _look_up(table: bytes, code: bytes, offset: int) -> int:
    """The entry for an opcode and the byte behind it, also when that is a ModRM byte with SIB and without
    displacement: a base of 5 then means a displacement of 4 bytes (SDM vol. 2A, table 2-3).
    """
    opcode, modrm = code[offset], code[offset + 1]
    entry = table[opcode | modrm << 8]
    if entry == 0 and modrm & 0xC7 == 4:
        entry = table[opcode | (modrm & 0xF8) << 8]  # the same with the base alone
        if entry:
            entry += 5 if code[offset + 2] & 7 == 5 else 1
    return entry


def entry_at(code: Code, offset: int, bits: int) -> int:
    """``kind << 4 | length`` of one instruction, by decoding it."""
    try:
        insn = decode(code, offset, bits)
    except Truncated:
        return (STOP | TRUNCATED) << 4
    if insn is None:
        return (SENSITIVE | STOP | UNDECODABLE) << 4 | 1
    kind = FLOW_KINDS[flow(insn)] | (BRANCH if insn.relative else ORDINARY)
    if classify(insn) is not None:
        kind |= SENSITIVE
    return kind << 4 | insn.length
