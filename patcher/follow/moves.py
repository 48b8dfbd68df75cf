# SPDX-License-Identifier: GPL-2.0-or-later
"""What moves, extensions and exchanges do to a `State`."""

from patcher.follow.operands import get_operand, reg_of, set_operand, stack_slot, width
from patcher.follow.stack import move_stack
from patcher.follow.state import DS, EAX, ESP, State
from patcher.follow.values import Kind, Unknown, Value, bits_mask, unknown_value
from patcher.x86.insn import Insn


def move(s: State, insn: Insn, at: int) -> None:
    """mov of registers, memory and immediates."""
    size = width(insn)
    if insn.opcode >= 0xC6:
        number = insn.imm - (1 << 32) if insn.operand_size == 64 and insn.imm >> 31 else insn.imm
        set_operand(s, insn, at, size, Value(number & bits_mask(size)))
    elif insn.opcode < 0x8A:
        set_operand(s, insn, at, size, s.register(reg_of(insn), size, insn.rex))
    else:
        s.assign(reg_of(insn), size, get_operand(s, insn, at, size), insn.rex)


def move_immediate(s: State, insn: Insn, at: int) -> None:
    """B0 to BF."""
    number = insn.opcode & 7 | (insn.rex & 1) << 3
    s.assign(number, insn.operand_size >> 3 if insn.opcode & 8 else 1, Value(insn.imm), insn.rex)


def load_segment(s: State, insn: Insn, at: int) -> None:
    """mov to a segment register."""
    if insn.reg == DS:
        s.ds = get_operand(s, insn, at, 2).known


def lea(s: State, insn: Insn, at: int) -> None:
    """lea; of the stack pointer it moves the stack."""
    if reg_of(insn) == ESP:
        move_stack(s, 0 if insn.base == ESP and insn.index is None else 7, insn.disp)
    else:
        s.assign(reg_of(insn), insn.operand_size >> 3, s.address(insn, at))


def extend(s: State, insn: Insn, at: int) -> None:
    """movzx, movsx and movsxd."""
    size = 4 if insn.opmap == 0 else 1 if insn.opcode in (0xB6, 0xBE) else 2
    signed = insn.opmap == 0 or insn.opcode >= 0xBE
    if insn.is_memory and stack_slot(s, insn) is None:
        value = s.load(s.address(insn, at), size, signed)
    else:
        value = get_operand(s, insn, at, size)
    if signed and size == 4:
        value = _signed(value)
    s.assign(reg_of(insn), insn.operand_size >> 3, value, insn.rex)


def _signed(value: Value) -> Value:
    """A 32-bit value sign-extended: a load becomes a signed one, anything else is taken as it is."""
    if value.known is not None and value.known >> 31 & 1:
        return Value(value.known | 0xFFFFFFFF00000000)
    if len(value.terms) == 1 and value.const == 0 and value.terms[0][1] == 1:
        unknown = value.terms[0][0]
        if unknown.kind is Kind.LOADED and unknown.size == 4:
            return unknown_value(Unknown(Kind.LOADED, of=unknown.of, size=4, signed=True))
    return value


def widen(s: State, insn: Insn, at: int) -> None:
    """cbw, cwde, cdqe."""
    s.regs[EAX] = _signed(s.regs[EAX]) if insn.operand_size == 64 else s.fresh()


def exchange(s: State, insn: Insn, at: int) -> None:
    """xchg."""
    if insn.opcode >= 0x90:
        number = insn.opcode & 7 | (insn.rex & 1) << 3
        s.regs[EAX], s.regs[number] = s.regs[number], s.regs[EAX]
        return
    size = width(insn)
    one, other = get_operand(s, insn, at, size), s.register(reg_of(insn), size, insn.rex)
    set_operand(s, insn, at, size, other)
    s.assign(reg_of(insn), size, one, insn.rex)


def offset_load(s: State, insn: Insn, at: int) -> None:
    """A0, A1: the accumulator from an absolute address."""
    s.assign(EAX, width(insn), s.load(Value(insn.disp), width(insn)))
