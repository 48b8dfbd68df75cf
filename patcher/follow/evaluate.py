# SPDX-License-Identifier: GPL-2.0-or-later
"""What registers and the stack hold at the end of a piece of a path, from its instructions alone.

No memory is assumed, but for what the path itself stored and what the file holds in sections that are never
written. An instruction that is not modelled makes its destinations unknown.
"""

from collections.abc import Callable, Iterable
from typing import Final

from patcher.follow import implicit
from patcher.follow.arithmetic import arithmetic, group1, increment, shift, unary
from patcher.follow.moves import exchange, extend, lea, load_segment, move, move_immediate, offset_load, widen
from patcher.follow.operands import reg_of, rm_of
from patcher.follow.stack import (
    group5,
    leave,
    near_call,
    near_return,
    pop,
    pop_memory,
    pop_other,
    push,
    push_immediate,
    push_other,
)  # fmt: skip
from patcher.follow.state import EAX, EDX, ESP, ReadConstant, State
from patcher.follow.values import Value
from patcher.x86.insn import VEX_MAP, Insn

Step = tuple[int, Insn, bool]
"""Address, instruction, and whether the path goes to its target (for conditional branches)."""


def _nothing(s: State, insn: Insn, at: int) -> None:
    pass


Effect = Callable[[State, Insn, int], None]


def _one_byte() -> dict[int, Effect]:
    table: dict[int, Effect] = {}
    rows: tuple[tuple[Effect, Iterable[int]], ...] = (
        (arithmetic, (op for op in range(0x40) if op & 7 < 6)),
        (push_other, (0x06, 0x0E, 0x16, 0x1E, 0x9C)),
        (pop_other, (0x07, 0x17, 0x1F, 0x9D)),
        (increment, range(0x40, 0x50)), (push, range(0x50, 0x58)), (pop, range(0x58, 0x60)),
        (extend, (0x63,)), (push_immediate, (0x68, 0x6A)), (_nothing, range(0x70, 0x80)),
        (group1, range(0x80, 0x84)), (_nothing, (0x84, 0x85)), (exchange, (0x86, 0x87)),
        (move, range(0x88, 0x8C)), (lea, (0x8D,)), (pop_memory, (0x8F,)), (_nothing, (0x90,)),
        (exchange, range(0x91, 0x98)), (widen, (0x98,)), (offset_load, (0xA0, 0xA1)),
        (load_segment, (0x8E,)), (_nothing, (0xA2, 0xA3, 0xA8, 0xA9)), (move_immediate, range(0xB0, 0xC0)),
        (shift, (0xC0, 0xC1, 0xD0, 0xD1, 0xD2, 0xD3)), (move, (0xC6, 0xC7)), (leave, (0xC9,)),
        (_nothing, range(0xD8, 0xE0)), (_nothing, (0xE9, 0xEB)), (near_call, (0xE8,)), (near_return, (0xC2, 0xC3)),
        (unary, (0xF6, 0xF7)), (_nothing, (0xF8, 0xF9, 0xFA, 0xFB, 0xFC, 0xFD)), (group5, (0xFE, 0xFF)),
        (implicit.implicit, implicit.ONE_BYTE),
    )  # fmt: skip
    for effect, opcodes in rows:
        table.update(dict.fromkeys(opcodes, effect))
    return table


_ONE_BYTE: Final = _one_byte()
_TWO_BYTE: Final[dict[int, Effect]] = {
    **dict.fromkeys((0xB6, 0xB7, 0xBE, 0xBF), extend),
    **dict.fromkeys((0x1E, 0x1F, 0x18, 0x0D, 0x22), _nothing),
    **dict.fromkeys(range(0x80, 0x90), _nothing),
    **dict.fromkeys((0xA0, 0xA8), push_other),
    **dict.fromkeys((0xA1, 0xA9), pop_other),
    **dict.fromkeys(implicit.TWO_BYTE, implicit.implicit),
    **dict.fromkeys(range(0xC8, 0xD0), implicit.swap_bytes),
}

_FENCES: Final = 0xAE
"""lfence, mfence and sfence, of a group whose other members write."""


def _clobber(s: State, insn: Insn) -> None:
    """An instruction that is not modelled: all that it may write is unknown."""
    s.ds = None
    if insn.modrm is None:
        for number in range(16):
            if number != ESP:
                s.regs[number] = s.fresh()
    else:
        s.regs[EAX] = s.fresh()
        s.regs[EDX] = s.fresh()
        s.regs[reg_of(insn)] = s.fresh()
        if not insn.is_memory:
            s.regs[rm_of(insn)] = s.fresh()


_ABOVE: Final = frozenset((0x7, 0x3, 0xF, 0xD))  # ja, jae, jg, jge
_BELOW: Final = frozenset((0x6, 0x2, 0xE, 0xC))  # jbe, jb, jle, jl
_OR_EQUAL: Final = frozenset((0x7, 0x6, 0xF, 0xE))  # the bound itself is in range


def _note_bound(s: State, insn: Insn, taken: bool) -> None:
    """A conditional branch behind a comparison with a number limits what was compared."""
    if s.compared is None:
        return
    condition = insn.opcode & 15
    if condition in (_BELOW if taken else _ABOVE):
        value, number = s.compared
        count = number + (condition in _OR_EQUAL)
        if 0 < count <= 0x10000:
            s.bounds[value] = count


def step(s: State, at: int, insn: Insn, taken: bool) -> None:
    """Change the state as the instruction at address `at` does."""
    if insn.opmap == VEX_MAP:
        return
    if insn.relative and insn.opcode & 0xF0 in (0x70, 0x80):
        _note_bound(s, insn, taken)
        return
    if taken and insn.opmap == 0 and insn.opcode == 0xE8:  # the path goes on in the callee
        s.push(Value(at + insn.length))
        return
    if insn.opmap == 1 and insn.opcode == _FENCES and not insn.is_memory and not insn.rep:
        return
    effect = (_ONE_BYTE if insn.opmap == 0 else _TWO_BYTE if insn.opmap == 1 else {}).get(insn.opcode)
    if effect is None:
        _clobber(s, insn)
    else:
        effect(s, insn, at)


def evaluate(path: Iterable[Step], bits: int, read: ReadConstant) -> State:
    """The state at the end of a path."""
    state = State(bits, read)
    for at, insn, taken in path:
        step(state, at, insn, taken)
    return state
