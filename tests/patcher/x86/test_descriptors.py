# SPDX-License-Identifier: GPL-2.0-or-later
"""Descriptors: known ones bit by bit, and parsing as the inverse of building."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patcher.x86.descriptors import (
    FLAT_CODE,
    FLAT_DATA,
    GRANULAR,
    HIDDEN,
    Gate,
    SystemType,
    build_gate,
    build_segment,
    parse_gate,
    parse_segment,
)
from patcher.x86.segment import Segment

GATES = [kind for kind in SystemType if "GATE" in kind.name]


def test_the_flat_segments_of_every_kernel() -> None:
    assert build_segment(0, 0xFFFFFFFF, FLAT_CODE) == 0x00CF9B000000FFFF
    assert build_segment(0, 0xFFFFFFFF, FLAT_DATA, dpl=3) == 0x00CFF3000000FFFF
    assert parse_segment(8, 0x00CF9A000000FFFF) == Segment(8, 0, 0xFFFFFFFF, 0x00C09A00)


def test_a_byte_granular_segment() -> None:
    raw = 0x12409334_5678_0067
    assert parse_segment(0x28, raw) == Segment(0x28, 0x12345678, 0x67, 0x00409300)


@given(
    base=st.integers(0, 0xFFFFFFFF),
    pages=st.integers(0, 0xFFFFF),
    flags=st.integers(0, 0xFFFFFFFF).map(lambda flags: flags & HIDDEN & ~0xF0000),
)
def test_a_segment_comes_back(base: int, pages: int, flags: int) -> None:
    limit = pages << 12 | 0xFFF if flags & GRANULAR else pages
    assert parse_segment(0x10, build_segment(base, limit, flags)) == Segment(0x10, base, limit, flags)


@pytest.mark.parametrize(
    ("limit", "flags", "sentence"),
    [
        (0x1000, GRANULAR, "a limit of 0x1000 does not end a page, which the granularity flag asks for"),
        (0x100000, 0, "a limit of 0x100000 does not fit into 20 bits"),
    ],
)
def test_a_limit_that_cannot_be_written(limit: int, flags: int, sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^{sentence}$"):
        build_segment(0, limit, flags)


def test_a_known_interrupt_gate() -> None:
    gate = Gate(SystemType.INTERRUPT_GATE_32, 8, 0xC0101234, dpl=3)
    assert build_gate(gate) == 0xC010EE00_0008_1234
    assert parse_gate(0xC010EE00_0008_1234) == gate


@given(
    kind=st.sampled_from(GATES),
    selector=st.integers(0, 0xFFFF),
    offset=st.integers(0, 0xFFFFFFFF),
    dpl=st.integers(0, 3),
    present=st.booleans(),
    parameters=st.integers(0, 31),
)
def test_a_gate_comes_back(
    kind: SystemType, selector: int, offset: int, dpl: int, present: bool, parameters: int
) -> None:
    wide, copies = kind & 8, "CALL" in kind.name
    gate = Gate(
        kind, selector, offset if wide else offset & 0xFFFF, dpl, present, parameters if copies else 0
    )
    assert parse_gate(build_gate(gate)) == gate


@pytest.mark.parametrize("kind", [0, 1, 2, 3, 8, 9, 10, 11, 13, *range(16, 32)])
def test_what_is_no_gate(kind: int) -> None:
    assert parse_gate((0x8000 | kind << 8) << 32) is None
