# SPDX-License-Identifier: GPL-2.0-or-later
"""What pushes, pops, calls and returns do to a `State`."""

from typing import Final

from patcher.follow.operands import get_operand, immediate, set_operand, width
from patcher.follow.state import ESP, State
from patcher.follow.values import Value, bits_mask
from patcher.x86.insn import Insn

_CALLER_SAVED: Final = (0, 1, 2, 8, 9, 10, 11)


def move_stack(s: State, operation: int, amount: int) -> None:
    """add or sub of the stack pointer."""
    count = (amount if operation == 0 else -amount) // s.natural
    s.move_stack_pointer(count * s.natural)
    if operation not in (0, 5):
        s.stack.clear()
        s.regs[ESP] = s.fresh()
    elif count > 0:
        del s.stack[-count:]
    else:
        s.stack.extend(s.fresh() for _ in range(min(-count, 64)))


def push(s: State, insn: Insn, at: int) -> None:
    """push of a register."""
    s.push(s.regs[insn.opcode & 7 | (insn.rex & 1) << 3])


def push_immediate(s: State, insn: Insn, at: int) -> None:
    """push of a number."""
    s.push(Value(immediate(insn) & s.mask))


def push_other(s: State, insn: Insn, at: int) -> None:
    """Segment registers, flags."""
    s.ds = None if insn.opcode == 0x1F else s.ds
    s.push(s.fresh())


def pop_other(s: State, insn: Insn, at: int) -> None:
    """Segment registers, flags."""
    s.pop()


def pop(s: State, insn: Insn, at: int) -> None:
    """pop into a register."""
    s.regs[insn.opcode & 7 | (insn.rex & 1) << 3] = s.pop()


def pop_memory(s: State, insn: Insn, at: int) -> None:
    """8F /0."""
    set_operand(s, insn, at, s.natural, s.pop())


def group5(s: State, insn: Insn, at: int) -> None:
    """FE, FF: inc, dec, push; calls are looked at elsewhere."""
    size = width(insn)
    if insn.reg < 2:
        one = get_operand(s, insn, at, size)
        set_operand(s, insn, at, size, one.plus(Value(1), bits_mask(size), -1 if insn.reg else 1))
    elif insn.opcode == 0xFF and insn.reg == 6:
        s.push(get_operand(s, insn, at, s.natural if insn.operand_size != 16 else 2))
    elif insn.opcode == 0xFF and insn.reg == 2:
        after_call(s)


def after_call(s: State) -> None:
    """What a callee may change."""
    for number in _CALLER_SAVED:
        s.regs[number] = s.fresh()


def leave(s: State, insn: Insn, at: int) -> None:
    """leave: what was pushed since enter is gone."""
    s.stack.clear()
    s.regs[5] = s.fresh()


def near_return(s: State, insn: Insn, at: int) -> None:
    """A return on a path that goes on where it leads takes its target from the stack."""
    s.pop()
    s.move_stack_pointer(insn.imm)


def near_call(s: State, insn: Insn, at: int) -> None:
    """A call on a path that goes on behind it. One to the next instruction pushes its address, and one to
    `mov (%esp), %reg; ret` loads it, as 32-bit position-independent code does."""
    behind = at + insn.length
    if insn.imm == 0:
        s.push(Value(behind))
        return
    after_call(s)
    callee = s.read(behind + insn.imm & s.mask, 4, False) if s.bits == 32 else None
    if callee is not None and callee & 0xFFFFC7FF == 0xC324048B:
        s.regs[callee >> 11 & 7] = Value(behind)
