# SPDX-License-Identifier: GPL-2.0-or-later
"""The result that an unmasked overflow or underflow leaves in a register: rounded as ever, its exponent moved by 24576
(SDM vol. 1, 8.5.4 and 8.5.5).

The engine, which masks everything, has only infinity or a denormal to show. The four operations are done again here, on
exact fractions.
"""

from fractions import Fraction
from typing import Final

from vmm.numbers import FRACTION, Number

BIAS: Final = 24576
_EXPONENT_BIAS: Final = 16383
_PRECISION: Final = (24, 64, 53, 64)  # by the control word's field
NEAREST, DOWN, UP, ZERO = range(4)

Register = tuple[int, int]
"""Significand, sign and exponent."""


def value(register: Register) -> Fraction:
    """The number in a register that holds neither infinity nor NaN."""
    significand, exponent = register
    power = max(exponent & 0x7FFF, 1) - _EXPONENT_BIAS - 63
    return Fraction(-significand if exponent >> 15 else significand) * Fraction(2) ** power


def value_of_number(number: Number) -> Fraction:
    """The same of a finite number in memory or in a lane."""
    bits, bias = FRACTION[number.size], 127 if number.size == 4 else 1023
    whole = number.fraction | (1 << bits if number.exponent else 0)
    return Fraction(-whole if number.negative else whole) * Fraction(2) ** (max(number.exponent, 1) - bias - bits)


def fits(exact: Fraction, bits: int) -> bool:
    """Does a significand of `bits` bits hold it, whatever the exponent?"""
    top, bottom = abs(exact.numerator), exact.denominator
    return not bottom & bottom - 1 and top // (top & -top or 1) < 1 << bits


def calculate(reg: int, first: Fraction, other: Fraction) -> Fraction:
    """What ModRM.reg of D8 to DE asks for, of ST(0) and the other operand: 2 and 3 compare and do not come here."""
    if reg == 0:
        return first + other
    if reg == 1:
        return first * other
    if reg in (4, 5):
        return first - other if reg == 4 else other - first
    return first / other if reg == 6 else other / first


def rounded(exact: Fraction, control: int, overflowed: bool) -> tuple[Register, bool, bool]:
    """The register for `exact` with its exponent moved; was it inexact, and rounded away from zero?"""
    moved = abs(exact) * Fraction(2) ** (-BIAS if overflowed else BIAS)
    bits = _PRECISION[control >> 8 & 3]
    power = moved.numerator.bit_length() - moved.denominator.bit_length()
    power -= moved < Fraction(2) ** power
    units = moved / Fraction(2) ** (power - bits + 1)
    whole, rest = int(units), units - int(units)
    up = _rounds_up(whole, rest, exact < 0, control >> 10 & 3)
    whole += up
    if whole >> bits:
        whole, power = whole >> 1, power + 1
    sign = 0x8000 if exact < 0 else 0
    return (whole << 64 - bits, sign | power + _EXPONENT_BIAS), bool(rest), up


def _rounds_up(whole: int, rest: Fraction, negative: bool, mode: int) -> bool:
    if mode == NEAREST:
        return rest > Fraction(1, 2) or (rest == Fraction(1, 2) and bool(whole & 1))
    return bool(rest) and mode == (DOWN if negative else UP)
