# SPDX-License-Identifier: GPL-2.0-or-later
"""Encodings by what follows the opcode and by whether an audited row claims them.

The lengths come from the opcode maps, the claims from the catalogue; nothing is said here that is not there.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

from patcher.auditing.rows import audited
from patcher.catalogue import CATALOGUE
from patcher.catalogue.index import REGISTER_FORM, Slot, build_cells
from patcher.catalogue.row import NO_PREFIX
from patcher.x86.opcodes import MAPS, UNDEFINED_IN_64, Operands

Claims = frozenset[int]
"""The mandatory prefixes (NO_PREFIX, 66, F2, F3) with which an audited row claims an encoding."""

UNCLAIMED: Final[Claims] = frozenset()
ALWAYS: Final[Claims] = frozenset((NO_PREFIX, 0x66, 0xF2, 0xF3))

Wanted = Callable[[Claims], bool]
Which = Callable[[int, int], bool]
"""Of a map and an opcode."""

ModRMs = frozenset[int]
NO_MODRM: Final[ModRMs] = frozenset()
EVERY_MODRM: Final = frozenset(range(256))
Part = tuple[Claims, ModRMs | None]
MEMORY: Final = frozenset(range(0xC0))
_TEST: Final = frozenset(modrm for modrm in EVERY_MODRM if modrm >> 3 & 7 < 2)
"""/0 and /1: the part of F6 and F7 that has an immediate."""

VEX_BYTES: Final = (0xC4, 0xC5, 0x62)
POP: Final = 0x8F
_POP_MODRMS: Final = frozenset(byte for byte in EVERY_MODRM if byte & 0x18 == 0)
"""Any other byte behind 8F is not ModRM, but the second byte of an XOP prefix."""
EXTRQ: Final = (1, 0x78)
"""With some prefixes it has immediates (``decode``)."""

_NUMBERS: Final = (Operands.MODRM_Z, Operands.IMM_Z, Operands.REL_Z, Operands.GROUP_Z)
_SIZED: Final = (*_NUMBERS, Operands.IMM_V, Operands.FAR)
_FIXED: Final = {
    Operands.MODRM_B: 1, Operands.GROUP_B: 1, Operands.IMM_B: 1, Operands.REL_B: 1, Operands.IMM_W: 2,
    Operands.ENTER: 3,
}  # fmt: skip

_CELLS: Final = build_cells(row for row in CATALOGUE if audited(row))


@dataclass(frozen=True, slots=True)
class Size:
    """The sizes of operands and addresses, in bits."""

    operand: int
    address: int


@dataclass(frozen=True, slots=True)
class Form:
    """Encodings that go on in one way: ModRM of these values (None: no ModRM), then an immediate of some bytes.

    ``registers``: ModRM names registers whatever its mod is.
    """

    opcodes: frozenset[int]
    modrms: ModRMs | None
    registers: bool
    immediate: int

    @property
    def is_whole(self) -> bool:
        """Does the opcode alone decide?"""
        return self.modrms is None or self.registers or self.modrms == EVERY_MODRM


def is_undefined(bits: int, opmap: int, opcode: int) -> bool:
    """Is there no instruction, whatever follows?"""
    gone = bits == 64 and opmap == 0 and opcode in UNDEFINED_IN_64
    return gone or MAPS[opmap][opcode].operands is Operands.UNDEFINED


def has_sized_immediate(opmap: int, opcode: int) -> bool:
    """Does the operand size change the length?"""
    return MAPS[opmap][opcode].operands in _SIZED


def is_offset(opmap: int, opcode: int) -> bool:
    """Does the address size change the length, without a ModRM byte?"""
    return MAPS[opmap][opcode].operands is Operands.OFFSET


def _is_opcode(bits: int, opmap: int, opcode: int) -> bool:
    if bits == 64 and opmap == 0 and (opcode & 0xF0 == 0x40 or opcode in VEX_BYTES):
        return False
    return MAPS[opmap][opcode].operands < Operands.UNDEFINED and not is_undefined(bits, opmap, opcode)


def _claims(slot: Slot, bits: int, rm: int) -> Claims:
    found = UNCLAIMED
    for row in slot:
        if bits in row.modes and (row.key.rms is None or rm in row.key.rms):
            found |= ALWAYS if row.key.prefixes is None else frozenset(row.key.prefixes)
    return found


def _possible(bits: int, opcode: int) -> ModRMs:
    if opcode == POP and bits != 16:
        return _POP_MODRMS
    return MEMORY if bits != 64 and opcode in VEX_BYTES else EVERY_MODRM


def _divided(bits: int, opmap: int, opcode: int) -> dict[Claims, ModRMs | None]:
    """The values of ModRM with which an opcode is itself (and not a VEX prefix), by who claims them."""
    cell, slots = MAPS[opmap][opcode], _CELLS.get(opmap << 8 | opcode)
    if not cell.has_modrm:
        return {UNCLAIMED if slots is None else _claims(slots[REGISTER_FORM], bits, 0): None}
    possible = _possible(bits, opcode) if opmap == 0 else EVERY_MODRM
    if slots is None:
        return {UNCLAIMED: possible}
    found: dict[Claims, set[int]] = defaultdict(set)
    for modrm in possible:
        register = modrm >= 0xC0 or cell.operands is Operands.REGISTERS
        slot = slots[modrm >> 3 & 7 | (REGISTER_FORM if register else 0)]
        found[_claims(slot, bits, modrm & 7) if slot else UNCLAIMED].add(modrm)
    return {claims: frozenset(modrms) for claims, modrms in found.items()}


def _immediate(operands: Operands, size: Size) -> int:
    number = 2 if size.operand == 16 else 4
    if operands in _NUMBERS:
        return number
    if operands is Operands.OFFSET:
        return size.address // 8
    if operands is Operands.IMM_V:
        return size.operand // 8
    return number + 2 if operands is Operands.FAR else _FIXED.get(operands, 0)


def _by_immediate(
    operands: Operands, modrms: ModRMs | None, size: Size
) -> Iterator[tuple[ModRMs | None, int]]:
    immediate = _immediate(operands, size)
    if modrms is None or operands not in (Operands.GROUP_B, Operands.GROUP_Z):
        yield modrms, immediate
        return
    yield modrms & _TEST, immediate
    yield modrms - _TEST, 0


@cache
def _alike(bits: int, opmap: int) -> list[tuple[Operands, tuple[Part, ...], list[int]]]:
    """The opcodes of a map, together where the same follows them and the same rows claim them."""
    found: dict[tuple[Operands, tuple[Part, ...]], list[int]] = defaultdict(list)
    for opcode, cell in enumerate(MAPS[opmap]):
        if _is_opcode(bits, opmap, opcode):
            found[cell.operands, tuple(_divided(bits, opmap, opcode).items())].append(opcode)
    return [(*key, opcodes) for key, opcodes in found.items()]


def _wanted(divided: tuple[Part, ...], wanted: Wanted) -> ModRMs | None:
    parts = [modrms for claims, modrms in divided if wanted(claims)]
    if len(parts) == 1:
        return parts[0]
    return NO_MODRM.union(*(part for part in parts if part))


def forms(bits: int, opmap: int, size: Size, wanted: Wanted, which: Which) -> list[Form]:
    """The encodings of a map whose claims, and whose map and opcode, are wanted."""
    found: dict[tuple[ModRMs | None, bool, int], set[int]] = defaultdict(set)
    for operands, divided, alike in _alike(bits, opmap):
        opcodes = [opcode for opcode in alike if which(opmap, opcode)]
        for modrms, immediate in _by_immediate(operands, _wanted(divided, wanted), size):
            if opcodes and modrms != NO_MODRM:
                found[modrms, operands is Operands.REGISTERS, immediate].update(opcodes)
    return [Form(frozenset(opcodes), *key) for key, opcodes in found.items()]
