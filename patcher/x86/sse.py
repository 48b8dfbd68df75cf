# SPDX-License-Identifier: GPL-2.0-or-later
"""Which MMX, SSE and SSE2 instructions calculate with floating-point numbers or wait for the x87 (SDM vol. 1, 11.5)."""

from dataclasses import dataclass
from typing import Final

from patcher.x86.insn import Insn
from patcher.x86.x87 import DE, IE, OE, PE, UE, ZE

_ALL: Final = IE | DE | ZE | OE | UE | PE
NONE, SIZE, REPNE, REP = 0, 0x66, 0xF2, 0xF3


@dataclass(frozen=True, slots=True)
class Sse:
    """One calculating instruction: `raises` exceptions; sources are `lanes` numbers of `size` bytes (0: integers).

    `both` says that the destination is a source too; `result` is the size of the numbers in an XMM destination that can
    be too small for their format, 0 when they cannot.
    """

    raises: int
    size: int
    lanes: int
    both: bool = False
    result: int = 0


_FORMATS: Final = {NONE: (4, 4), SIZE: (8, 2), REPNE: (8, 1), REP: (4, 1)}
_ARITHMETIC: Final = {
    0x51: IE | DE | PE, 0x58: _ALL & ~ZE, 0x59: _ALL & ~ZE, 0x5C: _ALL & ~ZE, 0x5D: IE | DE, 0x5E: _ALL, 0x5F: IE | DE,
    0xC2: IE | DE,
}  # fmt: skip
"""sqrt add mul sub min div max cmp: by mandatory prefix in four formats."""

_OTHERS: Final = {
    (0x2A, NONE): Sse(PE, 0, 2), (0x2A, REP): Sse(PE, 0, 1),
    (0x2C, NONE): Sse(IE | PE, 4, 2), (0x2C, SIZE): Sse(IE | PE, 8, 2), (0x2C, REPNE): Sse(IE | PE, 8, 1),
    (0x2C, REP): Sse(IE | PE, 4, 1), (0x2D, NONE): Sse(IE | PE, 4, 2), (0x2D, SIZE): Sse(IE | PE, 8, 2),
    (0x2D, REPNE): Sse(IE | PE, 8, 1), (0x2D, REP): Sse(IE | PE, 4, 1),
    (0x2E, NONE): Sse(IE | DE, 4, 1, True), (0x2E, SIZE): Sse(IE | DE, 8, 1, True),
    (0x2F, NONE): Sse(IE | DE, 4, 1, True), (0x2F, SIZE): Sse(IE | DE, 8, 1, True),
    (0x5A, NONE): Sse(IE | DE, 4, 2), (0x5A, REP): Sse(IE | DE, 4, 1),
    (0x5A, SIZE): Sse(_ALL & ~ZE, 8, 2, result=4), (0x5A, REPNE): Sse(_ALL & ~ZE, 8, 1, result=4),
    (0x5B, NONE): Sse(PE, 0, 4), (0x5B, SIZE): Sse(IE | PE, 4, 4), (0x5B, REP): Sse(IE | PE, 4, 4),
    (0xE6, SIZE): Sse(IE | PE, 8, 2), (0xE6, REPNE): Sse(IE | PE, 8, 2),
}  # fmt: skip
"""Conversions and ordered comparisons, by opcode and mandatory prefix."""

_MMX: Final = frozenset((
    *range(0x60, 0x6C), 0x6E, 0x6F, *range(0x70, 0x78), 0x7E, 0x7F, 0xC4, 0xC5, 0xD1, 0xD2, 0xD3, 0xD4, 0xD5, 0xD7,
    *range(0xD8, 0xE6), 0xE7, *range(0xE8, 0xF0), *range(0xF1, 0xFF), 0x2A, 0x2C, 0x2D,
))  # fmt: skip
"""Without mandatory prefix these use an MMX register."""


def prefix_of(insn: Insn) -> int:
    """The mandatory prefix: F2 or F3, else 66, else 0 (SDM vol. 2A, section 2.1.2)."""
    return insn.rep or (SIZE if SIZE in insn.raw[: insn.prefixes] else NONE)


def calculation(insn: Insn) -> Sse | None:
    """What an SSE instruction calculates; None when it only moves data or works on integers."""
    if insn.opmap != 1:
        return None
    prefix = prefix_of(insn)
    raises = _ARITHMETIC.get(insn.opcode)
    if raises is None:
        return _OTHERS.get((insn.opcode, prefix))
    size, lanes = _FORMATS[prefix]
    return Sse(raises, size, lanes, insn.opcode != 0x51, size if raises & UE else 0)


def uses_mmx(insn: Insn) -> bool:
    """Does the instruction touch the MMX registers, and so the x87? Those wait as x87 instructions do."""
    prefix = prefix_of(insn)
    if insn.opmap == 1:
        to_and_from = (insn.opcode == 0xD6 and prefix in (REPNE, REP)) or (
            insn.opcode in (0x2A, 0x2C, 0x2D) and prefix == SIZE and (insn.opcode != 0x2A or not insn.is_memory)
        )
        return to_and_from or (prefix == NONE and insn.opcode in _MMX)
    return insn.opmap in (2, 3) and prefix == NONE and (insn.opcode < 0x20)
