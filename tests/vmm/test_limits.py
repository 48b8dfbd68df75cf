# SPDX-License-Identifier: GPL-2.0-or-later
"""Limits say what is wrong with them, and match text line by line."""

import re

import pytest

from vmm.limits import BadLimit, Limits


@pytest.mark.parametrize("timeout", [0, -1.5, float("inf"), float("nan")])
def test_a_timeout_is_a_finite_time_above_zero(timeout: float) -> None:
    with pytest.raises(BadLimit, match=rf"^--timeout: {timeout:g} is not a number of seconds above zero$"):
        Limits(timeout=timeout)


def test_an_instruction_budget_is_above_zero() -> None:
    with pytest.raises(BadLimit, match=r"^--max-insns: 0 is not a number of instructions above zero$"):
        Limits(max_insns=0)


def test_a_broken_pattern_is_named() -> None:
    with pytest.raises(BadLimit, match=r"^--until: 'a\(' is not a regular expression: "):
        Limits.of(until="a(")


def test_anchors_match_at_every_line() -> None:
    limits = Limits.of(until="^login:$")
    assert limits.matches("Debian\nlogin:\n")
    assert not limits.matches("no login: here")


def test_a_compiled_pattern_is_taken_as_it_is() -> None:
    pattern = re.compile("x")
    assert Limits.of(until=pattern).until is pattern
    assert Limits().matches("x") is False
