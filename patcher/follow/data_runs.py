# SPDX-License-Identifier: GPL-2.0-or-later
"""Data among what decodes: a stretch of instructions that together speak against code.

Page's cumulative sum ("Continuous inspection schemes", Biometrika 41, 1954): evidence for code counts up to nothing,
so that a long function does not outweigh the table behind it. In 100,000 instructions of compiled 16-bit and 32-bit
firmware the sum never falls below -29; in nine of ten places of data it does within 20 instructions.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable
from typing import Final

from patcher.follow.lane import Lane
from patcher.follow.likelihood import evidence
from patcher.follow.reading_modes import lanes_of
from patcher.follow.space import Space

ALARM: Final = -30.0
"""Bits of evidence against code at which a stretch is data."""


def reads_as_data(lane: Lane, start: int, end: int) -> bool:
    """Is there data among the instructions that a walk wrote from `start` to `end`?"""
    total = 0.0
    while start < end:
        total = min(0.0, total + evidence(lane, start)[0])
        if total < ALARM:
            return True
        start += lane.lengths[start] or 1
    return False


_PLAIN: Final = re.compile(rb"\0{16,}|(?:[\t\n\r -~]{6,}\0+)+|[\t\n\r -~]{16,}")
"""Zeros and text, which need no reading."""
_LEAST: Final = 32
"""Fewer bytes are not judged."""
_DEEP: Final = b"\1" * 64


class Judged:
    """What is data, whatever mode it is read in, in gaps that are judged once."""

    def __init__(self, space: Space, gaps: Iterable[tuple[int, int]]) -> None:
        self._marks = [(start, _judge(space, start, end)) for start, end in gaps if end - start >= _LEAST]

    def deep(self, address: int) -> bool:
        """Is an address followed by data for a while?"""
        index = bisect_right(self._marks, address, key=lambda part: part[0]) - 1
        if index < 0:
            return False
        start, marks = self._marks[index]
        return marks.startswith(_DEEP, address - start)

    def count(self, gaps: Iterable[tuple[int, int]]) -> int:
        """The bytes of data in what is left of the gaps."""
        return sum(self._count(start, end) for start, end in gaps)

    def _count(self, start: int, end: int) -> int:
        index = bisect_right(self._marks, start, key=lambda part: part[0]) - 1
        if index < 0:
            return 0
        base, marks = self._marks[index]
        return marks.count(1, start - base, end - base)


def _judge(space: Space, start: int, end: int) -> bytes:
    """A byte for each address: 1 where every mode of its section reads data."""
    size, both = end - start, -1
    for lane in lanes_of(space, space.section_index(start)):
        both &= int.from_bytes(_marks(lane, start - lane.base, end - lane.base), "little")
    return both.to_bytes(size, "little")


def _marks(lane: Lane, start: int, end: int) -> bytearray:
    """A byte for each of `[start, end)`: 1 where a stretch is data. It becomes so, and ceases to, at equal evidence."""
    marks = bytearray(end - start)
    level, is_data, since, offset = 0.0, False, start, start
    while offset < end:
        match = _PLAIN.match(lane.code, offset, end)
        found, length, _ = (ALARM, match.end() - offset, True) if match else evidence(lane, offset)
        behind = offset + length
        level = max(ALARM, min(-ALARM, level + found))
        if not is_data and level >= 0:
            since = behind
        if level == ALARM and not is_data:
            is_data = True
            marks[since - start : offset - start] = b"\1" * (offset - since)
        is_data = is_data and level < -ALARM
        if is_data or match:
            marks[offset - start : behind - start] = b"\1" * (min(behind, end) - offset)
        offset = behind
    return marks
