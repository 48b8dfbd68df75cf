# SPDX-License-Identifier: GPL-2.0-or-later
"""Conditional branches whose outcome the instructions right before them settle.

Compilers leave none; obfuscated code is full of them. What is settled here holds on the path that was followed: the
other side is looked at later, and stays when it is clean code, for a loop may come by with other values.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from patcher.follow.evaluate import Step, evaluate
from patcher.follow.lane import Lane
from patcher.follow.operands import reg_of, rm_of
from patcher.follow.state import ReadConstant, State
from patcher.follow.values import bits_mask
from patcher.x86.insn import Insn

_SAME: Final = rb"[\x31\x33\x29\x2b\x39\x3b][\xc0\xc9\xd2\xdb\xe4\xed\xf6\xff]"
_CONSTANT: Final = (
    rb"(?:[\xb8-\xbf]....|\xc7[\xc0-\xc7]....|\x83[\xc8-\xcf]\xff|\x6a.[\x58-\x5f]|" + _SAME + rb")"
)
_THEN: Final = (
    rb"(?:[\x41\x44\x45\x48\x49\x4c\x4d]?(?:\x85[\xc0-\xff]|\x83[\xc0-\xff].|[\x3d\x2d\x05\x0d\x25\xa9]...."
    rb"|[\x81\xf7][\xc0-\xff]....|[\x40-\x4f]|[\xff\xd1][\xc0-\xff]|[\xc0\xc1][\xc0-\xff].|\xa8.|\x3c.))"
)
_SUSPECT: Final = re.compile(
    rb"(?:[\xf8\xf9]|" + _SAME + rb"|\x83[\xc8-\xcf].|\x83[\xe0-\xe7]\0|\x81[\xc8-\xcf]....|\x0d....|\x0c."
    rb"|\x25\0\0\0\0|" + _CONSTANT + _THEN + rb"{1,3})\Z",
    re.DOTALL,
)
"""What ends in something that sets flags in a way that may be known, right before a branch."""


@dataclass(frozen=True, slots=True)
class Flags:
    """The flags that branches test; None where one is not known."""

    carry: bool | None = None
    zero: bool | None = None
    sign: bool | None = None
    overflow: bool | None = None


@dataclass(frozen=True, slots=True)
class Settled:
    """A branch is always or never taken, unless another way leads to an address of the window."""

    taken: bool
    window: frozenset[int]


def settle_branch(
    path: Sequence[Step], branch: Insn, at: int, bits: int, read: ReadConstant
) -> Settled | None:
    """What the end of a path settles about the branch at `at`: by as few instructions as suffice."""
    if outcome(path, branch, bits, read) is None:
        return None
    for count in range(1, len(path) + 1):
        part = path[-count:]
        taken = outcome(part, branch, bits, read)
        if taken is not None:
            return Settled(taken, frozenset((at, *(step[0] for step in part[1:]))))
    return None


def is_suspect(lane: Lane, offset: int) -> bool:
    """May the outcome of the conditional branch at an offset be settled? Quick, and often wrongly yes."""
    return _SUSPECT.search(lane.code, max(offset - 16, 0), offset) is not None


def outcome(path: Sequence[Step], branch: Insn, bits: int, read: ReadConstant) -> bool | None:
    """Is a conditional branch at the end of a path taken? None when that is not settled."""
    for index in range(len(path) - 1, max(len(path) - 4, -1), -1):
        at, insn, _ = path[index]
        if _keeps_flags(insn):
            continue
        flags = _after(insn, evaluate(path[:index], bits, read), at)
        return _test(branch.opcode & 15, flags) if branch.opcode & 0xF0 in (0x70, 0x80) else None
    return None


def _keeps_flags(insn: Insn) -> bool:
    op = insn.opcode
    if insn.relative:
        return op & 0xF0 in (0x70, 0x80)
    moves = 0x50 <= op < 0x60 or 0x88 <= op < 0x8E or 0xB0 <= op < 0xC0 or op in (0xC6, 0xC7, 0x90)
    return insn.opmap == 0 and moves


def _after(insn: Insn, before: State, at: int) -> Flags:
    """The flags behind an instruction, as far as they are known."""
    op = insn.opcode
    if insn.opmap != 0 or insn.is_memory:
        return Flags()
    if op in (0xF8, 0xF9):
        return Flags(carry=op == 0xF9)
    if op < 0x40 and op & 7 < 4:
        return _binary(insn, before, op >> 3)
    if op in (0x80, 0x81, 0x83) or (op < 0x40 and op & 7 < 6):
        return _with_immediate(insn, before)
    if op in (0x84, 0x85):
        return _logic(before, insn, insn.reg == insn.rm and reg_of(insn) == rm_of(insn))
    if op & 0xF0 == 0x40 or (op == 0xFF and insn.reg < 2):
        return _counted(insn, before)
    return Flags()


def _size(insn: Insn) -> int:
    return insn.operand_size >> 3 if insn.opcode & 1 else 1


def _binary(insn: Insn, before: State, operation: int) -> Flags:
    """Two registers."""
    one, other = rm_of(insn), reg_of(insn)
    if insn.opcode & 2:
        one, other = other, one
    if one == other and operation in (5, 6, 7):
        return Flags(False, True, False, False)
    size = _size(insn)
    first = before.register(one, size, insn.rex).known
    second = before.register(other, size, insn.rex).known
    return Flags() if first is None or second is None else _computed(operation, first, second, size)


def _with_immediate(insn: Insn, before: State) -> Flags:
    size = _size(insn)
    narrow = insn.opcode == 0x83 and insn.imm & 0x80
    number = (insn.imm - 256 if narrow else insn.imm) & bits_mask(size)
    operation = insn.reg if insn.opcode >= 0x80 else insn.opcode >> 3
    target = rm_of(insn) if insn.opcode >= 0x80 else 0
    known = before.register(target, size, insn.rex).known
    if known is not None:
        return _computed(operation, known, number, size)
    if operation == 1 and number:
        negative = bool(number >> (size * 8 - 1))
        return Flags(False, False, negative or None, False)
    if operation == 4 and not number:
        return Flags(False, True, False, False)
    return Flags(False, overflow=False) if operation in (1, 4, 6) else Flags()


def _logic(before: State, insn: Insn, same: bool) -> Flags:
    size = _size(insn)
    first = before.register(rm_of(insn), size, insn.rex).known
    second = before.register(reg_of(insn), size, insn.rex).known
    if first is None or second is None:
        return Flags(False, overflow=False)
    return _computed(4, first, second, size)


def _counted(insn: Insn, before: State) -> Flags:
    """inc and dec keep the carry."""
    down = insn.opcode & 8 if insn.opcode != 0xFF else insn.reg == 1
    number = insn.opcode & 7 if insn.opcode != 0xFF else rm_of(insn)
    size = insn.operand_size >> 3
    known = before.register(number, size, insn.rex).known
    if known is None:
        return Flags()
    found = _computed(5 if down else 0, known, 1, size)
    return Flags(None, found.zero, found.sign, found.overflow)


def _computed(operation: int, first: int, second: int, size: int) -> Flags:
    """add, or, and, sub, xor, cmp of two numbers (SDM vol. 1, 3.4.3.1)."""
    mask, top = bits_mask(size), 1 << (size * 8 - 1)
    first, second = first & mask, second & mask
    if operation in (1, 4, 6):
        result = {1: first | second, 4: first & second, 6: first ^ second}[operation]
        return Flags(False, result == 0, bool(result & top), False)
    if operation == 0:
        result = first + second & mask
        return Flags(
            first + second > mask,
            result == 0,
            bool(result & top),
            bool((first ^ result) & (second ^ result) & top),
        )
    if operation in (5, 7):
        result = first - second & mask
        return Flags(
            first < second, result == 0, bool(result & top), bool((first ^ second) & (first ^ result) & top)
        )
    return Flags()


def _either(one: bool | None, other: bool | None) -> bool | None:
    if one or other:
        return True
    return None if one is None or other is None else False


def _test(condition: int, flags: Flags) -> bool | None:
    """A condition code (SDM vol. 2D, table B-1); odd ones negate."""
    less = None if flags.sign is None or flags.overflow is None else flags.sign != flags.overflow
    held = (
        flags.overflow, flags.carry, flags.zero, _either(flags.carry, flags.zero),
        flags.sign, None, less, _either(flags.zero, less),
    )[condition >> 1]  # fmt: skip
    return None if held is None else held != bool(condition & 1)
