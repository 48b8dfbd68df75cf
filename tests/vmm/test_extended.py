# SPDX-License-Identifier: GPL-2.0-or-later
"""Exact results of x87 arithmetic with their exponent moved, held against the host's doubles."""

import struct
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmm.extended import BIAS, calculate, fits, rounded, value, value_of_number
from vmm.numbers import numbers

DOUBLES = st.floats(min_value=1e-150, max_value=1e150) | st.floats(min_value=-1e150, max_value=-1e-150)
DOUBLE_PRECISION, EXTENDED = 0x27F, 0x37F
MOVED = Fraction(2) ** BIAS


@given(first=DOUBLES, other=DOUBLES, reg=st.sampled_from([0, 1, 4, 5, 6, 7]))
def test_in_double_precision_it_rounds_as_the_host_does(first: float, other: float, reg: int) -> None:
    host = {
        0: first + other, 1: first * other, 4: first - other, 5: other - first, 6: first / other, 7: other / first,
    }[reg]  # fmt: skip
    exact = calculate(reg, Fraction(first), Fraction(other))
    if not exact:
        return
    register, inexact, _up = rounded(exact / MOVED, DOUBLE_PRECISION, overflowed=False)
    assert value(register) == Fraction(host)
    assert inexact == (Fraction(host) != exact)
    assert fits(exact, 53) != inexact


@given(number=st.floats(allow_nan=False, allow_infinity=False))
def test_a_double_is_what_its_bytes_say(number: float) -> None:
    (fields,) = numbers(struct.pack("<d", number), 8, 1)
    assert value_of_number(fields) == Fraction(number)


@pytest.mark.parametrize(("rounding", "negative", "last"), [
    (0, False, 0), (1, False, 0), (2, False, 1), (3, False, 0), (0, True, 0), (1, True, 1), (2, True, 0), (3, True, 0),
])  # fmt: skip
def test_a_tie_goes_where_the_control_word_says(rounding: int, negative: bool, last: int) -> None:
    exact = Fraction((1 << 64) + 1) * (-1 if negative else 1)  # one bit more than a significand has
    (significand, exponent), inexact, up = rounded(exact * MOVED, EXTENDED | rounding << 10, overflowed=True)
    assert (significand, inexact, up) == ((1 << 63) + last, True, bool(last))
    assert exponent == 16383 + 64 + (0x8000 if negative else 0)


def test_the_exponent_is_moved_into_the_middle() -> None:
    huge = Fraction(2) ** 32766
    assert rounded(huge, EXTENDED, overflowed=True)[0] == (1 << 63, 0x5FFD)
    assert rounded(1 / huge, EXTENDED, overflowed=False)[0] == (1 << 63, 0x2001)
