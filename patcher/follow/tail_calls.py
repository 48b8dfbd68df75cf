# SPDX-License-Identifier: GPL-2.0-or-later
"""Jumps through function pointers at the end of a function: calls in all but name.

Such a jump is made with the stack as the caller left it, to a pointer that memory or an argument holds. It goes where
indirect calls go: to places whose address the program takes.
"""

from collections.abc import Container, Sequence
from typing import Final

from patcher.binary.model import Binary, Origin
from patcher.follow.edges import Via, key_of, step_of
from patcher.follow.evaluate import Step
from patcher.follow.paths import Parents, path_to
from patcher.follow.space import Space
from patcher.follow.state import ESP
from patcher.follow.values import Kind, Value
from patcher.x86.insn import Insn

_FAR: Final = 256
"""How many instructions are looked back over for a function's beginning."""
_ENTER: Final = ((0x89, 0xE5), (0x8B, 0xEC))
"""mov %esp,%ebp."""
_LEAVE: Final = ((0x89, 0xEC), (0x8B, 0xE5))
_STARTS: Final = (Via.ENTRY, Via.CALL, Via.POINTER)
_NOT_CALLED: Final = (Origin.ENTRY, Origin.PROTOCOL, Origin.EXCEPTION)
_REGISTERS: Final = 16


def is_pointer(value: Value, size: int) -> bool:
    """Is it a word that memory holds, at no scaled index, or a register's value from before the path?"""
    if value.const or len(value.terms) != 1 or value.terms[0][1] != 1:
        return False
    unknown = value.terms[0][0]
    if unknown.kind is Kind.REGISTER:
        return unknown.number < _REGISTERS
    if unknown.kind is not Kind.LOADED or unknown.size != size or unknown.of is None:
        return False
    return all(factor == 1 for _, factor in unknown.of.terms)


def path_from_start(
    space: Space, parents: Parents, address: int, bits: int, called: Container[int]
) -> list[Step] | None:
    """A path from its function's first instruction to an address; None when none is known or it is long. `called`
    holds the keys of what followed code calls."""
    path = path_to(space, parents, address, bits, _FAR, called)
    key = key_of(path[0][0] if path else address, bits)
    parent = parents.get(key)
    while key not in called and parent is not None and step_of(parent)[1] is Via.COPY:
        key = key_of(step_of(parent)[0], bits)
        parent = parents.get(key)
    starts = key in called or (parent is not None and step_of(parent)[1] in _STARTS)
    return path if starts else None


def beginnings(binary: Binary) -> frozenset[int]:
    """Where programs begin: nobody calls these, so what leaves them returns to nobody."""
    return frozenset(entry.address for entry in binary.entries if entry.origin in _NOT_CALLED)


def depth(path: Sequence[Step], word: int) -> int | None:
    """How many bytes a path leaves on the stack; None when that is not known."""
    used, frame = 0, None
    for _, insn, taken in path:
        if insn.opmap == 0 and (insn.opcode, insn.modrm) in _ENTER:
            frame = used
        elif _is_leave(insn):
            if frame is None:
                return None
            used, frame = frame - word * (insn.opcode == 0xC9), None
        else:
            change = _change(insn, word, taken)
            if change is None:
                return None
            used += change
    return used


def _is_leave(insn: Insn) -> bool:
    """leave, or mov %ebp,%esp."""
    return insn.opmap == 0 and (insn.opcode == 0xC9 or (insn.opcode, insn.modrm) in _LEAVE)


def _change(insn: Insn, word: int, taken: bool) -> int | None:
    """By how much one instruction makes the stack deeper."""
    op = insn.opcode
    if insn.opmap == 1:
        return {0xA0: word, 0xA8: word, 0xA1: -word, 0xA9: -word}.get(op, 0)
    if insn.opmap:
        return 0
    if 0x50 <= op < 0x60:
        return word if op < 0x58 else -word
    if op in (0x68, 0x6A, 0x9C) or (op == 0xFF and insn.reg == 6):
        return word
    if op in (0x8F, 0x9D):
        return -word
    return None if op == 0xE8 and taken else _of_pointer(insn)


def _of_pointer(insn: Insn) -> int | None:
    """The same of an instruction that may compute with the stack pointer."""
    op, number = insn.opcode, _signed(insn)
    if op in (0x81, 0x83) and insn.modrm in (0xC4, 0xEC):
        return -number if insn.modrm == 0xC4 else number
    if op == 0x8D and insn.modrm is not None and insn.reg == ESP and not insn.rex & 4:
        return -insn.disp if insn.base == ESP and insn.index is None else None
    writes = op in (0x89, 0x01, 0x21, 0x29, 0x81, 0x83, 0x87) and not insn.is_memory and insn.rm == ESP
    loads = op in (0x8B, 0x03, 0x2B, 0x87) and insn.modrm is not None and insn.reg == ESP and not insn.rex & 4
    return None if loads or (writes and not insn.rex & 1) else 0


def _signed(insn: Insn) -> int:
    width = 8 if insn.opcode == 0x83 else 16 if insn.operand_size == 16 else 32
    return insn.imm - (1 << width) if insn.imm >> (width - 1) & 1 else insn.imm
