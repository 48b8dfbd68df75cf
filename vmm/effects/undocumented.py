# SPDX-License-Identifier: GPL-2.0-or-later
"""Forms that processors run although the manual's maps leave them blank, and that the engine refuses."""

from patcher.x86.flags import AF, CF, OF, PF, SF, ZF
from patcher.x86.insn import Insn
from vmm.effects.operand import linear
from vmm.effects.registry import effect
from vmm.processor import Processor

_RESULT_FLAGS = CF | PF | AF | ZF | SF | OF


@effect("nop")
def nop(v: Processor, insn: Insn) -> None:
    """A reserved nop touches no memory (SDM vol. 2D, table A-3)."""
    v.advance(insn)


@effect("test")
def test(v: Processor, insn: Insn) -> None:
    """F6 /1 and F7 /1 are TEST as /0 is (AMD APM vol. 3, TEST); AF, which is undefined, is cleared."""
    size = insn.operand_size >> 3 if insn.opcode & 1 else 1
    result = _operand(v, insn, size) & insn.imm
    flags = v.eflags & ~_RESULT_FLAGS
    if not result:
        flags |= ZF
    if result >> 8 * size - 1:
        flags |= SF
    if not (result & 0xFF).bit_count() & 1:
        flags |= PF
    v.eflags = flags
    v.advance(insn)


def _operand(v: Processor, insn: Insn, size: int) -> int:
    if insn.is_memory:
        return v.mem.read(linear(v, insn, size), size)
    rm = insn.rm
    if size == 1:
        byte: int = v.regs[rm & 3] >> (rm & 4) * 2
        return byte & 0xFF
    value: int = v.regs[rm]
    return value if size == 4 else value & 0xFFFF
