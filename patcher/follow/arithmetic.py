# SPDX-License-Identifier: GPL-2.0-or-later
"""What arithmetic and logic do to a `State`. Only sums, differences, products with constants and masks stay known."""

from patcher.follow.operands import get_operand, immediate, reg_of, rm_of, set_operand, width
from patcher.follow.stack import move_stack
from patcher.follow.state import EAX, EDX, ESP, State
from patcher.follow.values import Value, bits_mask
from patcher.x86.insn import Insn


def _combine(s: State, operation: int, one: Value, other: Value, size: int) -> Value:
    mask = bits_mask(size)
    if operation == 0:
        return one.plus(other, mask)
    if operation == 5:
        return one.plus(other, mask, -1)
    if operation == 4 and other.known is not None:
        return one.masked(other.known & mask)
    if operation == 6 and one == other:
        return Value(0)
    if operation in (1, 6) and one.known is not None and other.known is not None:
        return Value((one.known | other.known if operation == 1 else one.known ^ other.known) & mask)
    return s.fresh()


def arithmetic(s: State, insn: Insn, at: int) -> None:
    """add, or, adc, sbb, and, sub, xor, cmp of two registers, or with memory, or with the accumulator."""
    form, operation, size = insn.opcode & 7, insn.opcode >> 3, width(insn)
    if form >= 4:
        number = insn.imm - (1 << 32) if size > 1 and insn.imm >> 31 else insn.imm
        one, other = s.register(EAX, size), Value(number & bits_mask(size))
    else:
        one, other = get_operand(s, insn, at, size), s.register(reg_of(insn), size, insn.rex)
        if form >= 2:
            one, other = other, one
    if operation == 7:
        s.compared = None if other.known is None else (one, other.known)
        return
    result = _combine(s, operation, one, other, size)
    if form >= 4:
        s.assign(EAX, size, result)
    elif form >= 2:
        s.assign(reg_of(insn), size, result, insn.rex)
    else:
        set_operand(s, insn, at, size, result)


def group1(s: State, insn: Insn, at: int) -> None:
    """80 to 83: arithmetic with a number."""
    size = width(insn)
    one, number = get_operand(s, insn, at, size), immediate(insn) & bits_mask(size)
    if insn.reg == 7:
        s.compared = (one, number)
    elif rm_of(insn) == ESP and not insn.is_memory:
        move_stack(s, insn.reg, immediate(insn))
    else:
        set_operand(s, insn, at, size, _combine(s, insn.reg, one, Value(number), size))


def shift(s: State, insn: Insn, at: int) -> None:
    """Shifts and rotates by a number."""
    size, count = width(insn), insn.imm & 31 if insn.opcode < 0xD0 else 1
    one = get_operand(s, insn, at, size)
    if insn.reg in (4, 6) and insn.opcode < 0xD2:
        set_operand(s, insn, at, size, one.times(1 << count, bits_mask(size)))
    elif insn.reg == 5 and one.known is not None and insn.opcode < 0xD2:
        set_operand(s, insn, at, size, Value(one.known >> count))
    else:
        set_operand(s, insn, at, size, s.fresh())


def unary(s: State, insn: Insn, at: int) -> None:
    """F6, F7: not and neg of constants; mul and div leave nothing known."""
    size = width(insn)
    if insn.reg in (2, 3):
        known = get_operand(s, insn, at, size).known
        flipped = (
            s.fresh() if known is None else Value((~known if insn.reg == 2 else -known) & bits_mask(size))
        )
        set_operand(s, insn, at, size, flipped)
    elif insn.reg >= 4:
        s.regs[EAX], s.regs[EDX] = s.fresh(), s.fresh()


def increment(s: State, insn: Insn, at: int) -> None:
    """40 to 4F: inc and dec of a register."""
    number, size = insn.opcode & 7, insn.operand_size >> 3
    value = s.register(number, size).plus(Value(1), bits_mask(size), -1 if insn.opcode & 8 else 1)
    s.assign(number, size, value)
