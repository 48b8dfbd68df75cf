# SPDX-License-Identifier: GPL-2.0-or-later
"""What each x87 instruction reads, writes and may raise (SDM vol. 1, chapter 8; vol. 2, the lists of exceptions)."""

from dataclasses import dataclass
from typing import Final

from patcher.x86.insn import Insn

IE, DE, ZE, OE, UE, PE = 1, 2, 4, 8, 16, 32
_ALL, _COMPARE, _SOFT = 0x3F, IE | DE, IE | DE | UE | PE

FWAIT: Final = 0x9B
FLOATS, INTEGERS = {0: 4, 4: 8}, {2: 4, 6: 2}  # bytes of the memory operands of D8, DC, DA and DE


@dataclass(frozen=True, slots=True)
class X87:
    """One instruction; registers are numbers of ST.

    `reads` must not be empty. `pushes` needs an empty ST(7). `raises` are the exceptions beside stack faults. `loads`
    is the size of a floating-point memory operand (4 or 8 bytes) and `stores` that of a memory destination, 0 for
    none; `integer` says that the latter is a number of the integer kind. `result` is where a register result is found
    when the instruction is done, None without one. `compares` says that the answer is in C3, C2 and C0,
    `moves` that registers are exchanged or moved as they are.
    """

    reads: tuple[int, ...] = ()
    pushes: bool = False
    raises: int = 0
    loads: int = 0
    stores: int = 0
    integer: bool = False
    result: int | None = None
    compares: bool = False
    moves: bool = False


def is_x87(insn: Insn) -> bool:
    """D8 to DF, or fwait."""
    return insn.opmap == 0 and (0xD8 <= insn.opcode <= 0xDF or insn.opcode == FWAIT)


def waits(insn: Insn) -> bool:
    """Does an x87 instruction look for a waiting error first? All but the control instructions with an n do."""
    key = insn.opcode, insn.reg
    if insn.is_memory:
        return key not in ((0xD9, 6), (0xD9, 7), (0xDD, 6), (0xDD, 7))  # fnstenv fnstcw fnsave fnstsw
    return key not in ((0xDB, 4), (0xDF, 4))  # fneni fndisi fnclex fninit fnsetpm, fnstsw ax


def operation(insn: Insn) -> X87:
    """What an x87 instruction does; control instructions do nothing that could raise."""
    if insn.opcode == FWAIT:
        return X87()
    escape = insn.opcode & 7
    if insn.is_memory:
        return _arithmetic_memory(escape, insn.reg) if not escape & 1 else _MEMORY.get((escape, insn.reg), X87())
    if escape in (0, 4, 6):
        return _arithmetic(escape, insn.reg, insn.rm)
    if escape == 1 and insn.reg >= 4:
        return _D9[insn.modrm & 0x1F] if insn.modrm is not None else X87()
    return _other(escape, insn.reg, insn.rm)


def _arithmetic_memory(escape: int, reg: int) -> X87:
    loads = FLOATS.get(escape, 0)
    if reg in (2, 3):
        return X87((0,), raises=_COMPARE, loads=loads, compares=True)
    return X87((0,), raises=_ALL, loads=loads, result=0)


def _arithmetic(escape: int, reg: int, rm: int) -> X87:
    """add mul com comp sub subr div divr with two registers; DE pops, so that its result is then one further up."""
    if reg in (2, 3):
        return X87((0, rm), raises=_COMPARE, compares=True)
    return X87((0, rm), raises=_ALL, result={0: 0, 4: rm, 6: rm - 1}[escape])


def _store(size: int, raises: int, integer: bool = False) -> X87:
    return X87((0,), raises=raises, stores=size, integer=integer)


_PUSH: Final = X87(pushes=True, result=0)
_MEMORY: Final = {
    (1, 0): X87(pushes=True, raises=_COMPARE, loads=4, result=0),
    (1, 2): _store(4, _ALL & ~(DE | ZE)), (1, 3): _store(4, _ALL & ~(DE | ZE)),
    (3, 0): _PUSH, (3, 1): _store(4, IE | PE, True), (3, 2): _store(4, IE | PE, True), (3, 3): _store(4, IE | PE, True),
    (3, 5): _PUSH, (3, 7): _store(10, 0),
    (5, 0): X87(pushes=True, raises=_COMPARE, loads=8, result=0),
    (5, 1): _store(8, IE | PE, True), (5, 2): _store(8, _ALL & ~(DE | ZE)), (5, 3): _store(8, _ALL & ~(DE | ZE)),
    (7, 0): _PUSH, (7, 1): _store(2, IE | PE, True), (7, 2): _store(2, IE | PE, True), (7, 3): _store(2, IE | PE, True),
    (7, 4): _PUSH, (7, 5): _PUSH, (7, 6): _store(10, IE | PE, True), (7, 7): _store(8, IE | PE, True),
}  # fmt: skip

_ONE = X87((0,), result=0)
_D9: Final = (
    _ONE, _ONE, X87(), X87(), X87((0,), raises=_COMPARE, compares=True), X87(), X87(), X87(),  # fchs fabs - - ftst fxam
    *(_PUSH,) * 7, X87(),  # fld1 .. fldz
    X87((0,), raises=_SOFT, result=0),  # f2xm1
    X87((0, 1), raises=_ALL, result=0),  # fyl2x
    X87((0,), True, _SOFT, result=1),  # fptan
    X87((0, 1), raises=_SOFT, result=0),  # fpatan
    X87((0,), True, IE | DE | ZE, result=0),  # fxtract
    X87((0, 1), raises=IE | DE | UE, result=0),  # fprem1
    X87(), X87(),  # fdecstp fincstp
    X87((0, 1), raises=IE | DE | UE, result=0),  # fprem
    X87((0, 1), raises=_SOFT | OE, result=0),  # fyl2xp1
    X87((0,), raises=IE | DE | PE, result=0),  # fsqrt
    X87((0,), True, _SOFT, result=0),  # fsincos
    X87((0,), raises=IE | DE | PE, result=0),  # frndint
    X87((0, 1), raises=_ALL & ~ZE, result=0),  # fscale
    X87((0,), raises=_SOFT, result=0), X87((0,), raises=_SOFT, result=0),  # fsin fcos
)  # fmt: skip


def _other(escape: int, reg: int, rm: int) -> X87:
    """Moves and comparisons of registers."""
    if (escape, reg) == (1, 0):
        return X87((rm,), True, result=0)
    if (escape, reg) in ((1, 1), (5, 1), (7, 1)) or (escape in (2, 3) and reg < 4):
        return X87((0, rm), moves=True)  # fxch, fcmov
    if (escape, reg) in ((1, 3), (5, 2), (5, 3), (7, 2), (7, 3)):
        return X87((0,))  # fst, fstp
    if (escape, reg) in ((2, 5), (5, 4), (5, 5)):
        return X87((0, rm), raises=_COMPARE, compares=True)
    if (escape, reg) in ((3, 5), (3, 6), (7, 5), (7, 6)):
        return X87((0, rm), raises=_COMPARE)
    return X87()  # fnop ffree ffreep, control
