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


def is_rejected(insn: Insn) -> bool:
    """Does a processor answer this instruction with #UD, whatever its state?"""
    if insn.opmap == 0:
        op, memory = insn.opcode, insn.is_memory
        if (op == _GROUP_4 and insn.reg > 1) or (op == _GROUP_5 and insn.reg == 7):
            return True
        if not memory and (op == _LEA or (op == _GROUP_5 and insn.reg in (3, 5))):
            return True
    row = classify(insn)
    return row is not None and row.origin is Origin.UNDEFINED
