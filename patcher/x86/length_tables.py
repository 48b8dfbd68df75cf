# SPDX-License-Identifier: GPL-2.0-or-later
"""The tables of ``walk``: for an opcode byte and the byte after it, the length and kind of the instruction.

An entry is ``kind << 4 | length`` in one byte. 0 stands for what two bytes do not decide: prefixes and
escapes, memory operands with a SIB byte whose base may be missing, undefined opcodes, rows that look at
ModRM.rm.
"""

from dataclasses import dataclass, replace
from functools import cache
from typing import Final

from patcher.catalogue import CATALOGUE
from patcher.catalogue.index import REGISTER_FORM, Slot, build_cells
from patcher.catalogue.row import NO_PREFIX
from patcher.x86.opcodes import GROUP5_FLOW, ONE_BYTE, TWO_BYTE, UNDEFINED_IN_64, Cell, Flow, Operands

ORDINARY: Final = 0
SENSITIVE: Final = 1
"""The catalogue claims it."""
STOP: Final = 2
"""Control does not go on behind it."""
BRANCH: Final = 4
"""It has a relative displacement, which is its last bytes."""
CALL: Final = 8
"""Control normally comes back behind it."""

FLOW_KINDS: Final = {
    Flow.NEXT: ORDINARY, Flow.COND: ORDINARY, Flow.EVENT: ORDINARY,
    Flow.JUMP: STOP, Flow.STOP: STOP, Flow.CALL: CALL,
}  # fmt: skip

SKIP_ONE_BYTE, SKIP_ANY, SKIP_WIDE = 1, 2, 3


@dataclass(frozen=True, slots=True)
class Tables:
    """Tables for one code size, indexed by opcode | next byte << 8 (``prefixes``: by the prefix byte)."""

    bits: int
    one_byte: bytes
    two_byte: bytes
    """For opcodes after 0F; the length counts the 0F."""
    narrow: bytes
    """For one-byte opcodes after 66; the length counts it too."""
    mandatory: dict[int, bytes]
    """By 66, F2, F3: for opcodes after that prefix and 0F; the length counts both."""
    prefixes: bytes
    """0: not a prefix that can be skipped. SKIP_ONE_BYTE: before one-byte opcodes it changes neither length
    nor kind. SKIP_ANY: nor before others. SKIP_WIDE: the same, except for mov with an immediate.
    """


@cache
def tables(bits: int) -> Tables:
    """The tables for a code size of 16, 32 or 64 bits; made on first use, in less than 10 ms."""
    normal, narrow = (16, 32) if bits == 16 else (32, 16)
    return Tables(
        bits,
        _table(0, ONE_BYTE, bits, normal, 1),
        _table(1, TWO_BYTE, bits, normal, 2),
        _table(0, ONE_BYTE, bits, narrow, 2),
        {
            prefix: _table(1, _ANY_SIZE, bits, narrow if prefix == 0x66 else normal, 3, prefix)
            for prefix in (0x66, 0xF2, 0xF3)
        },
        _prefixes(bits),
    )


def _prefixes(bits: int) -> bytes:
    kinds = bytearray(256)
    kinds[0xF2] = kinds[0xF3] = SKIP_ONE_BYTE
    for segment in (0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65):
        kinds[segment] = SKIP_ANY
    if bits == 64:
        kinds[0x40:0x50] = bytes([SKIP_ANY] * 8 + [SKIP_WIDE] * 8)
    return bytes(kinds)


_PREFIXED_OTHERWISE: Final = 0x78
"""extrq and insertq are longer than vmread (AMD APM vol. 4)."""
_ANY_SIZE: Final = tuple(
    replace(cell, operands=Operands.UNDEFINED)
    if cell.operands is Operands.REL_Z or opcode == _PREFIXED_OTHERWISE
    else cell
    for opcode, cell in enumerate(TWO_BYTE)
)
"""The opcodes after 0F but those whose length a prefix changes."""


def _table(
    opmap: int, cells: tuple[Cell, ...], bits: int, operand_size: int, before: int, prefix: int = NO_PREFIX
) -> bytes:
    """All 256 opcodes of a map; ``before`` counts the bytes up to and with the opcode."""
    table = bytearray(65536)
    for opcode, cell in enumerate(cells):
        gone = bits == 64 and opmap == 0 and (opcode in UNDEFINED_IN_64 or opcode & 0xF0 == 0x40)
        if cell.operands < Operands.UNDEFINED and not gone:
            table[opcode::256] = _row(opmap, opcode, cell, bits, operand_size, before, prefix)
    return bytes(table)


def _row(
    opmap: int, opcode: int, cell: Cell, bits: int, operand_size: int, before: int, prefix: int
) -> bytes:
    fixed = before + _immediate_size(cell.operands, operand_size, bits)
    if not cell.has_modrm:
        kind = _kind(cell.flow, _slots(opmap, opcode)[REGISTER_FORM], bits, prefix)
        if cell.operands in (Operands.REL_B, Operands.REL_Z):
            kind |= BRANCH
        return bytes([kind << 4 | fixed]) * 256
    row = _modrm_lengths(16 if bits == 16 else 32, cell.operands is Operands.REGISTERS, fixed)
    divided = (opmap << 8 | opcode) in _CELLS or opcode in (0xF6, 0xF7, 0xFF)
    if divided or cell.flow is not Flow.NEXT:
        return _divided(opmap, opcode, cell, bits, operand_size, row, prefix)
    return row


def _divided(
    opmap: int, opcode: int, cell: Cell, bits: int, operand_size: int, lengths: bytes, prefix: int
) -> bytes:
    """An opcode that ModRM.reg and the kind of operand divide: 8 memory forms, 8 register forms."""
    row = bytearray(lengths)
    for index, slot in enumerate(_slots(opmap, opcode)):
        reg = index & 7
        flow = GROUP5_FLOW[reg] if opmap == 0 and opcode == 0xFF else cell.flow
        added = _kind(flow, slot, bits, prefix) << 4
        if reg < 2:
            added += _group_immediate(cell.operands, operand_size)
        slow = any(found.key.rms for found in slot) or _is_prefix(opmap, opcode, index, bits)
        for mod in _mods(cell, index):
            part = slice(mod << 6 | reg << 3, (mod << 6 | reg << 3) + 8)
            row[part] = bytes(8) if slow else bytes(size and size + added for size in row[part])
    return bytes(row)


def _mods(cell: Cell, index: int) -> tuple[int, ...]:
    """The values of ModRM.mod that an index of a slot stands for."""
    if cell.operands is Operands.REGISTERS:
        return (0, 1, 2, 3) if index & REGISTER_FORM else ()
    return (3,) if index & REGISTER_FORM else (0, 1, 2)


def _is_prefix(opmap: int, opcode: int, index: int, bits: int) -> bool:
    """Does ModRM make the opcode the first byte of a VEX, EVEX or XOP prefix?"""
    if opmap == 0 and opcode == 0x8F:
        return bits != 16 and index & 3 != 0
    return opmap == 0 and opcode in (0xC4, 0xC5, 0x62) and (bits == 64 or index >= REGISTER_FORM)


_CELLS: Final = build_cells(CATALOGUE)
_NO_SLOTS: Final[tuple[Slot, ...]] = ((),) * 16


def _slots(opmap: int, opcode: int) -> tuple[Slot, ...]:
    return _CELLS.get(opmap << 8 | opcode, _NO_SLOTS)


def _kind(flow: Flow, slot: Slot, bits: int, prefix: int) -> int:
    claimed = any(
        bits in row.modes and (row.key.prefixes is None or prefix in row.key.prefixes) for row in slot
    )
    return FLOW_KINDS[flow] | (SENSITIVE if claimed else 0)


@cache
def _modrm_lengths(address_size: int, registers_only: bool, fixed: int) -> bytes:
    """By ModRM: ``fixed`` and the bytes of ModRM, SIB and displacement; 0 where the SIB byte decides."""
    sizes = bytearray(256)
    for modrm in range(256):
        mod, rm = modrm >> 6, modrm & 7
        if mod == 3 or registers_only:
            size = 1
        elif address_size == 16:
            size = 3 if mod == 2 or (mod == 0 and rm == 6) else 1 + mod
        elif mod == 0:
            size = {4: -fixed, 5: 5}.get(rm, 1)
        else:
            size = (2 if mod == 1 else 5) + (rm == 4)
        sizes[modrm] = fixed + size
    return bytes(sizes)


def _immediate_size(operands: Operands, operand_size: int, bits: int) -> int:
    z = 2 if operand_size == 16 else 4
    return {
        Operands.MODRM_B: 1, Operands.MODRM_Z: z, Operands.IMM_B: 1, Operands.IMM_W: 2, Operands.IMM_Z: z,
        Operands.IMM_V: z, Operands.ENTER: 3, Operands.OFFSET: bits // 8, Operands.FAR: z + 2,
        Operands.REL_B: 1, Operands.REL_Z: z,
    }.get(operands, 0)  # fmt: skip


def _group_immediate(operands: Operands, operand_size: int) -> int:
    if operands is Operands.GROUP_B:
        return 1
    return (2 if operand_size == 16 else 4) if operands is Operands.GROUP_Z else 0
