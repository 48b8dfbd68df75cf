# SPDX-License-Identifier: GPL-2.0-or-later
"""Descriptors: known ones bit by bit, and loading as the inverse of building."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patcher.x86.descriptors import GRANULAR, HIDDEN, descriptor_of, segment_of
from patcher.x86.segment import Segment


def test_the_flat_segments_of_every_kernel() -> None:
    assert segment_of(8, 0x00CF9A000000FFFF) == Segment(8, 0, 0xFFFFFFFF, 0x00C09A00)
    assert descriptor_of(Segment(8, 0, 0xFFFFFFFF, 0x00C09B00)) == 0x00CF9B000000FFFF
    assert descriptor_of(Segment(0x1B, 0, 0xFFFFFFFF, 0x00C0F300)) == 0x00CFF3000000FFFF


def test_a_byte_granular_segment() -> None:
    raw = 0x12409334_5678_0067
    assert segment_of(0x28, raw) == Segment(0x28, 0x12345678, 0x67, 0x00409300)


@given(
    base=st.integers(0, 0xFFFFFFFF),
    pages=st.integers(0, 0xFFFFF),
    flags=st.integers(0, 0xFFFFFFFF).map(lambda flags: flags & HIDDEN & ~0xF0000),
)
def test_a_segment_comes_back(base: int, pages: int, flags: int) -> None:
    segment = Segment(0x10, base, pages << 12 | 0xFFF if flags & GRANULAR else pages, flags)
    assert segment_of(0x10, descriptor_of(segment)) == segment


@pytest.mark.parametrize(
    ("limit", "flags", "sentence"),
    [
        (0x1000, GRANULAR, "a limit of 0x1000 does not end a page, as the granularity flag asks for"),
        (0x100000, 0, "a limit of 0x100000 does not fit into 20 bits"),
    ],
)
def test_a_limit_that_cannot_be_written(limit: int, flags: int, sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^{sentence}$"):
        descriptor_of(Segment(0, 0, limit, flags))
