# SPDX-License-Identifier: GPL-2.0-or-later
"""One x87 instruction run alone: what it raised, and what an unmasked exception leaves undone (SDM vol. 1, 8.5).

The engine notices neither empty registers nor denormal operands, and not every invalid operation; those are worked out
here from the operands.
"""

from typing import TYPE_CHECKING

from patcher.x86.exceptions import GuestFault
from patcher.x86.insn import Insn
from patcher.x86.x87 import INTEGERS, operation
from vmm.effects.operand import linear, read_bytes, write_bytes
from vmm.engine.float_area import C1, DE, EXCEPTIONS, IE, OE, PE, SF, UE, ZE
from vmm.engine.state_area import ARITHMETIC as ARITHMETIC_FLAGS
from vmm.numbers import numbers
from vmm.vcpu import Vcpu

if TYPE_CHECKING:
    from fractions import Fraction

BEFORE = IE | DE | ZE
MAXIMUM, QUIET = 0x7FFF, 1 << 62
INDEFINITE = 3 << 62, 0xFFFF
FLAGS = EXCEPTIONS | SF
FSCALE = b"\xd9\xfd"
UNORDERED = 0x4500  # C3, C2 and C0
FISTTP = 1  # ModRM.reg of the store that always truncates
ARITHMETIC = frozenset({0xD8, 0xDA, 0xDC, 0xDE})

Register = tuple[int, int]
"""Significand, sign and exponent."""


def is_nan80(register: Register) -> bool:
    return register[1] & MAXIMUM == MAXIMUM and bool(register[0] & (1 << 63) - 1)


def is_signaling80(register: Register) -> bool:
    return is_nan80(register) and not register[0] & QUIET


def is_denormal80(register: Register) -> bool:
    return not register[1] & MAXIMUM and bool(register[0])


class X87Step:
    """Made before the instruction runs; `judge` afterwards."""

    def __init__(self, v: Vcpu, insn: Insn) -> None:
        floats = v.floats
        self.v, self.insn, self.eip = v, insn, v.eip
        self.what = operation(insn)
        self.flags = floats.status & FLAGS  # with those raised before: from here on new ones are told apart
        self.unmasked = ~floats.control & EXCEPTIONS
        self.saved, self.eflags = floats.save(), v.eflags
        self.stack_fault = self._stack_fault()
        self.operands = [floats.register(number) for number in self.what.reads]
        loaded = self._memory(self.what.loads)
        self.number = numbers(loaded, len(loaded), 1)[0] if loaded else None
        self.stored = self._memory(self.what.stores)
        self.filled = self._fill() if self.stack_fault & SF and IE & ~self.unmasked else []

    def judge(self) -> None:
        """Set the flags; with one of them unmasked, leave the result out as the processor does."""
        floats = self.v.floats
        new = floats.take_x87()
        if self.stack_fault:
            if not self.unmasked & IE:
                self._empty_again()
            self._finish(IE | self.stack_fault)
            return
        raised = self._raised(new)
        if raised & IE:
            raised = IE
        elif raised & ZE:
            raised = ZE
        self._finish(raised)

    def _finish(self, raised: int) -> None:
        floats, stop = self.v.floats, raised & self.unmasked
        if stop & BEFORE & ~(DE if self.what.pushes and self.what.loads else 0):  # a denormal is loaded all the same
            self._take_back()
            raised &= BEFORE | SF | C1
        elif stop & (OE | UE) and self.what.stores:
            self._take_back()
            raised &= stop & (OE | UE)
        elif stop & (OE | UE):
            raised = raised & ~PE | self._move_exponent(bool(stop & OE), raised & PE)
        shown = floats.status & ~FLAGS
        if raised & SF:
            shown &= ~C1
        if raised & IE and self.what.compares:
            shown |= UNORDERED  # also unmasked
        floats.status = shown | self.flags | raised

    def _take_back(self) -> None:
        """Registers, tags, TOP, condition codes, flags and memory as before; the pointers stay at this instruction."""
        floats = self.v.floats
        pointers, answer = floats.pointers, floats.status & UNORDERED
        floats.restore(self.saved)
        floats.pointers = pointers
        if self.what.compares:
            floats.status = floats.status & ~UNORDERED | answer
        self.v.eflags = self.v.eflags & ~ARITHMETIC_FLAGS | self.eflags & ARITHMETIC_FLAGS  # fcomi
        if self.stored:
            write_bytes(self.v, linear(self.v, self.insn, len(self.stored), write=True), self.stored)

    def _fill(self) -> list[int]:
        """Masked, an empty register reads as the indefinite NaN: put it there. Physical numbers of those filled."""
        floats = self.v.floats
        filled = [number for number in set(self.what.reads) if floats.is_empty(number)]
        for number in filled:
            floats.set_register(number, *INDEFINITE)
            floats.set_empty(number, False)
        return [floats.top + number & 7 for number in filled]

    def _empty_again(self) -> None:
        """What was filled is empty still, unless the result went there; the result of an overflow is indefinite."""
        floats, result = self.v.floats, self.what.result
        kept = None if result is None else floats.top + result & 7
        for physical in self.filled:
            if physical != kept and not self.what.moves and not self._has_two_results:
                floats.set_empty(physical - floats.top & 7, True)
        if result is not None:
            floats.set_register(result, *INDEFINITE)
            if self._has_two_results:
                floats.set_register(1 - result, *INDEFINITE)

    @property
    def _has_two_results(self) -> bool:
        """fptan, fsincos and fxtract."""
        return self.what.pushes and bool(self.what.reads and self.what.raises)

    def _move_exponent(self, overflowed: bool, inexact: int) -> int:
        """The result of an addition, subtraction, multiplication or division with its exponent moved; PE if inexact."""
        from vmm.extended import calculate, rounded  # loads what few guests need

        floats, result = self.v.floats, self.what.result
        if result is None or self.insn.opcode not in ARITHMETIC:
            return inexact
        exact = calculate(self.insn.reg, *self._values())
        register, lost, up = rounded(exact, floats.control, overflowed)
        floats.set_register(result, *register)
        floats.status = floats.status & ~C1 | (C1 if up else 0)
        return PE if lost else 0

    def _values(self) -> "tuple[Fraction, Fraction]":
        """ST(0) and the other operand."""
        from fractions import Fraction

        from vmm.extended import value, value_of_number

        first = value(self.operands[0])
        if not self.insn.is_memory:
            return first, value(self.operands[1])
        if self.number is not None:
            return first, value_of_number(self.number)
        size = INTEGERS.get(self.insn.opcode & 7, 0)
        return first, Fraction(int.from_bytes(self._memory(size), "little", signed=True))

    # --- what was raised

    def _stack_fault(self) -> int:
        """SF, with C1 for an overflow (SDM vol. 1, 8.5.1.1); 0 when registers are full and free as they should be."""
        floats = self.v.floats
        if any(floats.is_empty(number) for number in self.what.reads):
            return SF
        return SF | C1 if self.what.pushes and not floats.is_empty(7) else 0

    def _raised(self, new: int) -> int:
        what = self.what
        raised = new & what.raises
        if self.insn.raw[-2:] == FSCALE:
            raised = self._by_scaling(raised)
        if what.raises & IE and self._is_invalid():
            raised |= IE
        if what.raises & DE and self._has_denormal():
            raised |= DE
        if what.raises & UE and self.unmasked & UE and self._is_tiny():
            raised |= UE
        return raised

    def _by_scaling(self, raised: int) -> int:
        """The engine does not scale by infinity, and rounds what stays in range to the precision that is set."""
        infinite = self.operands[1][1] & MAXIMUM == MAXIMUM
        return raised & ~IE if raised & (OE | UE) and not infinite else raised & ~(IE | OE | UE | PE)

    def _has_nan(self) -> bool:
        return any(map(is_nan80, self.operands)) or (self.number is not None and self.number.is_nan)

    def _is_invalid(self) -> bool:
        """What the engine may have missed: a signaling NaN, a NaN made of numbers, an integer that does not fit."""
        if any(map(is_signaling80, self.operands)):
            return True
        if self.what.integer and self.what.stores == 2 and self._memory(2) == b"\x00\x80":
            return not self._is_minus_32768()
        result = self.what.result
        return result is not None and is_nan80(self.v.floats.register(result)) and not self._has_nan()

    def _is_minus_32768(self) -> bool:
        """Does ST(0) round to the one integer that looks like the answer to an invalid operation?"""
        from vmm.extended import DOWN, NEAREST, value

        if is_nan80(self.operands[0]) or self.operands[0][1] & MAXIMUM == MAXIMUM:
            return False
        exact, mode = value(self.operands[0]), self.v.floats.control >> 10 & 3
        if mode == NEAREST and self.insn.reg != FISTTP:
            return -32768.5 <= exact <= 0
        return (exact >= -32768 if mode == DOWN and self.insn.reg != FISTTP else exact > -32769) and exact < 0

    def _has_denormal(self) -> bool:
        if self._has_nan():
            return False
        return any(map(is_denormal80, self.operands)) or (self.number is not None and self.number.is_denormal)

    def _is_tiny(self) -> bool:
        """Is the result denormal, exact or not?"""
        if self.what.stores:
            return numbers(self._memory(self.what.stores), self.what.stores, 1)[0].is_denormal
        return self.what.result is not None and is_denormal80(self.v.floats.register(self.what.result))

    # --- the memory operand

    def _memory(self, size: int) -> bytes:
        """`size` bytes of it; zeroes when they cannot be read, and then the instruction will fault."""
        if not size:
            return b""
        try:
            return read_bytes(self.v, linear(self.v, self.insn, size), size)
        except GuestFault:
            return bytes(size)
