# SPDX-License-Identifier: GPL-2.0-or-later
"""Forms that processors run although the opcode maps leave them blank, and that the engine refuses."""

from patcher.x86.flags import ARITHMETIC, PF, SF, ZF
from patcher.x86.insn import Insn
from vmm.effects.operand import linear, read_rm
from vmm.effects.registry import effect
from vmm.processor import Processor


@effect("nop")
def nop(v: Processor, insn: Insn) -> None:
    """A reserved no-operation (SDM vol. 2D, table A-3)."""
    v.advance(insn)


@effect("test")
def test(v: Processor, insn: Insn) -> None:
    """F6 /1 and F7 /1: flags of the operand and an immediate, as under /0 (SDM vol. 2B, TEST)."""
    size = 1 if insn.opcode == 0xF6 else insn.operand_size >> 3
    operand = _byte(v, insn) if size == 1 else read_rm(v, insn, size)
    result = operand & insn.imm
    flags = 0 if result else ZF
    if result >> (8 * size - 1):
        flags |= SF
    if (result & 0xFF).bit_count() % 2 == 0:
        flags |= PF
    v.eflags = v.eflags & ~ARITHMETIC | flags
    v.advance(insn)


def _byte(v: Processor, insn: Insn) -> int:
    """The 8-bit operand; registers 4 to 7 are high bytes of the first four (SDM vol. 1, 3.4.1)."""
    if insn.is_memory:
        return v.mem.read(linear(v, insn, 1), 1)
    value: int = v.regs[insn.rm & 3]
    return value >> (8 if insn.rm & 4 else 0) & 0xFF
