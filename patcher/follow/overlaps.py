# SPDX-License-Identifier: GPL-2.0-or-later
"""Instructions that share bytes: found with one regular expression over a lane's lengths."""

import re
from collections.abc import Iterator
from typing import Final

from patcher.follow.lane import Lane

_PREFIXES: Final = frozenset(b"\x26\x2e\x36\x3e\x64\x65\x66\x67\xf0\xf2\xf3")

_SHARED: Final = re.compile(
    b"|".join(
        re.escape(bytes([length])) + b"(?=([\\x00\\xfc-\\xff]{0,%d})[\\x01-\\x0f])" % (length - 2)
        for length in range(2, 16)
    )
)


def overlaps(lane: Lane, start: int = 0, end: int | None = None) -> Iterator[tuple[int, int]]:
    """Offsets of two instructions that share bytes, the second one inside the first.

    A jump over a prefix is no overlap: both ways run the same instruction, as in `jz 1f; lock; 1: cmpxchg`.
    """
    for match in _SHARED.finditer(lane.lengths, start, lane.size if end is None else end):
        outer = match.start()
        inner = outer + 1 + len(match[match.lastindex or 0])
        if not _skips_prefix(lane, outer, inner):
            yield outer, inner


def _skips_prefix(lane: Lane, outer: int, inner: int) -> bool:
    same_end = outer + lane.lengths[outer] == inner + lane.lengths[inner]
    return same_end and all(byte in _PREFIXES for byte in lane.code[outer:inner])


def within(lane: Lane, start: int, end: int) -> bool:
    """Does an instruction of `[start, end)` share bytes with another one?"""
    first, last = max(start - 15, 0), min(end + 15, lane.size)
    if _SHARED.search(lane.lengths, first, last) is None:
        return False
    pairs = overlaps(lane, first, last)
    return any(start <= outer < end or start <= inner < end for outer, inner in pairs)
