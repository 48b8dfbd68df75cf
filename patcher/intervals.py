# SPDX-License-Identifier: GPL-2.0-or-later
"""Ranges of addresses that may overlap, each with what it stands for, asked which of them touch another range."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import Generic, TypeVar

_Meaning = TypeVar("_Meaning")


class Intervals(Generic[_Meaning]):
    """Half-open ranges `[start, end)`."""

    def __init__(self, rows: Iterable[tuple[int, int, _Meaning]]) -> None:
        self._rows = sorted(rows, key=lambda row: row[:2])
        self._starts = [start for start, _, _ in self._rows]
        self._reach = list(accumulate((end for _, end, _ in self._rows), max))

    def touching(self, start: int, end: int) -> Iterator[_Meaning]:
        """What the ranges stand for that have an address of `[start, end)`, the last one first."""
        index = bisect_left(self._starts, end) - 1
        while index >= 0 and self._reach[index] > start:
            if self._rows[index][1] > start:
                yield self._rows[index][2]
            index -= 1
