# SPDX-License-Identifier: GPL-2.0-or-later
"""The floating-point state in place: what the engine keeps to itself, and ES from flags and masks."""

import pytest
from float_bytes import float_area
from hypothesis import given
from hypothesis import strategies as st

from vmm.engine.float_area import BUSY, ES, EXCEPTIONS, FLUSHED, OE, PE, UE, ZE


@given(flags=st.integers(0, EXCEPTIONS), masks=st.integers(0, EXCEPTIONS))
def test_an_error_waits_when_a_flag_is_not_masked(flags: int, masks: int) -> None:
    floats = float_area()
    floats.load(0x340 | masks, flags)
    waiting = flags & ~masks != 0
    assert floats.pending is waiting
    assert floats.status == flags | (ES | BUSY if waiting else 0)
    assert floats.unmasked == ~masks & EXCEPTIONS


def test_the_engines_flags_are_taken_once() -> None:
    floats = float_area()
    floats.bytes[floats.layout.x87] = ZE | 0x40
    assert (floats.take_x87(), floats.take_x87()) == (ZE, 0)
    floats.bytes[floats.layout.sse] = FLUSHED
    assert (floats.take_sse(), floats.take_sse()) == (UE | PE, 0)


def test_top_is_part_of_the_status_word() -> None:
    floats = float_area()
    floats.load(0x37F, 0x2800)
    assert (floats.top, floats.status) == (5, 0x2800)
    floats.set_register(0, 1 << 63, 0x3FFF)
    assert floats.bytes[floats.layout.registers + 5 * 16 + 7] == 0x80
    assert floats.stack[:10] == bytes(7) + b"\x80\xff\x3f"


@pytest.mark.parametrize(("mxcsr", "flush"), [(0x9F80, True), (0x1F80, False), (0x9780, False)])
def test_results_are_flushed_while_underflow_is_masked(mxcsr: int, flush: bool) -> None:
    floats = float_area()
    floats.mxcsr = mxcsr
    assert bool(floats.bytes[floats.layout.sse + 2]) is flush


@pytest.mark.parametrize(("control", "rounding", "precision"), [(0x37F, 0, 80), (0x27F, 0, 64), (0xC7F, 3, 32)])
def test_the_control_word_sets_rounding_and_precision(control: int, rounding: int, precision: int) -> None:
    floats = float_area()
    floats.control = control
    at = floats.layout.x87
    assert (floats.bytes[at - 1], floats.bytes[at + 1]) == (rounding, precision)


def test_what_was_saved_comes_back() -> None:
    floats = float_area()
    saved = floats.save()
    floats.load(0x37F, 0x3800 | OE)
    floats.set_xmm(7, bytes(range(16)))
    floats.set_tags(0)
    floats.restore(saved)
    assert floats.save() == saved
