# SPDX-License-Identifier: GPL-2.0-or-later
"""Traps that never come back: a program's end, as the operating systems' conventions have it."""

from functools import cache
from typing import Final

from patcher.follow.state import EAX, State
from patcher.x86.insn import Insn

_LINUX_32: Final = frozenset((1, 252, 119, 173))  # exit, exit_group, sigreturn, rt_sigreturn
_LINUX_64: Final = frozenset((60, 231, 15))  # exit, exit_group, rt_sigreturn
_DOS_ENDS: Final = frozenset((0x00, 0x31, 0x4C))  # functions of int 21h: terminate, stay resident, exit
_ALWAYS: Final = {16: frozenset((0x18, 0x19, 0x20, 0x27)), 32: frozenset((0x29,)), 64: frozenset((0x29,))}
"""BIOS: no boot, boot again; DOS: terminate, stay resident. Windows: fail fast."""


def is_exit(insn: Insn) -> bool:
    """May it be a call of an operating system that ends the program?"""
    return insn.opcode == (0x05 if insn.opmap == 1 else 0xCD)


def always_leaves(code: bytes, offset: int, bits: int) -> bool:
    """Is it a trap that ends the program whatever registers hold?"""
    return code[offset : offset + 1] == b"\xcd" and code[offset + 1 : offset + 2] in _bytes_of(bits)


@cache
def _bytes_of(bits: int) -> frozenset[bytes]:
    return frozenset(bytes([number]) for number in _ALWAYS[bits])


def leaves(insn: Insn, state: State) -> bool:
    """Does this trap end the program, given what registers hold before it?"""
    number = state.regs[EAX].known
    if insn.opmap == 1:
        return insn.bits == 64 and number in _LINUX_64
    if insn.imm in _ALWAYS[insn.bits]:
        return True
    if insn.bits == 16 and insn.imm == 0x21:
        high = state.high_of_ax
        return high is not None and high in _DOS_ENDS
    return insn.imm == 0x80 and number in _LINUX_32
