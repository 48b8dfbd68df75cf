# SPDX-License-Identifier: GPL-2.0-or-later
"""The operands of an instruction: which registers, how wide, and their values in a `State`."""

from patcher.follow.state import ESP, State
from patcher.follow.values import Value
from patcher.x86.insn import Insn


def reg_of(insn: Insn) -> int:
    """The register that ModRM.reg names."""
    return insn.reg | (insn.rex & 4) << 1


def rm_of(insn: Insn) -> int:
    """The register that ModRM.rm names."""
    return insn.rm | (insn.rex & 1) << 3


def width(insn: Insn) -> int:
    """The bytes of its operands: opcodes with bit 0 clear work on single ones."""
    return insn.operand_size >> 3 if insn.opcode & 1 else 1


def get_operand(s: State, insn: Insn, at: int, size: int) -> Value:
    """The value of its register or memory operand."""
    if not insn.is_memory:
        return s.register(rm_of(insn), size, insn.rex)
    slot = stack_slot(s, insn)
    return s.stack[slot] if slot is not None else s.load(s.address(insn, at), size)


def set_operand(s: State, insn: Insn, at: int, size: int, value: Value) -> None:
    """Write its register or memory operand."""
    if not insn.is_memory:
        s.assign(rm_of(insn), size, value, insn.rex)
        return
    slot = stack_slot(s, insn)
    if slot is not None:
        s.stack[slot] = value
    else:
        s.slots[s.address(insn, at)] = value


def stack_slot(s: State, insn: Insn) -> int | None:
    """Where in the known stack a memory operand on (e)sp lies."""
    if insn.base != ESP or insn.index is not None or insn.bits == 16:
        return None
    slot = len(s.stack) - 1 - insn.disp // s.natural
    return slot if insn.disp % s.natural == 0 and 0 <= slot < len(s.stack) else None


def immediate(insn: Insn) -> int:
    """The immediate of an arithmetic instruction, sign-extended."""
    size = 1 if insn.opcode in (0x80, 0x82, 0x83, 0x6A, 0x6B) else 2 if insn.operand_size == 16 else 4
    return insn.imm - (1 << size * 8) if insn.imm >> (size * 8 - 1) & 1 else insn.imm
