# SPDX-License-Identifier: GPL-2.0-or-later
"""Encodings that decode and that every processor answers with #UD (SDM vol. 2D, table A-6): no program runs them.

`ud2` and its like are defined to raise #UD, and programs do run those.
"""

from typing import Final

from patcher.catalogue import classify
from patcher.catalogue.row import Origin
from patcher.x86.insn import Insn

_GROUP_4: Final = 0xFE
_GROUP_5: Final = 0xFF
_LEA: Final = 0x8D


def is_reserved(opcode: int, modrm: bytes) -> bool:
    """Does an opcode of the one-byte map, with this ModRM byte, name no instruction?"""
    if opcode not in (_GROUP_4, _GROUP_5, _LEA) or not modrm:
        return False
    reg, memory = modrm[0] >> 3 & 7, modrm[0] < 0xC0
    if opcode == _LEA:
        return not memory
    return reg > 1 if opcode == _GROUP_4 else reg == 7 or (reg in (3, 5) and not memory)


def is_rejected(insn: Insn) -> bool:
    """Does a processor answer this sensitive instruction with #UD, whatever its state?"""
    row = classify(insn)
    return row is not None and row.origin is Origin.UNDEFINED
