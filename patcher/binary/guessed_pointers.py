# SPDX-License-Identifier: GPL-2.0-or-later
"""Words of data that look like addresses of code, in programs that keep no relocations.

Where the extents of functions are known, an address inside of one is a label of its: what a switch or a table of labels
jumps to. Such tables have several entries; one word alone that points into a function is a number.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

from patcher.binary.gathering import Gathering


class _Functions:
    """The extents of functions, sorted by where they start."""

    def __init__(self, into: Gathering) -> None:
        self._starts = sorted(start for start, row in into.functions.items() if row[0] > start)
        self._ends = [into.functions[start][0] for start in self._starts]

    def around(self, address: int) -> int | None:
        """The start of the function that an address lies inside of, behind its start."""
        index = bisect_left(self._starts, address) - 1
        return self._starts[index] if index >= 0 and address < self._ends[index] else None


def guess_pointers(into: Gathering, size: int) -> Iterator[int]:
    """Aligned words of data that are addresses of code, as far as functions do not speak against it."""
    low, high = into.code().span
    functions = _Functions(into)
    for section in into.sections:
        if not section.executable:
            whole = section.data[: len(section.data) // size * size]
            words = whole.cast("I") if size == 4 else whole.cast("Q")
            for index in [index for index, word in enumerate(words) if low <= word < high]:
                if _is_plausible(words, index, functions):
                    yield words[index]


def _is_plausible(words: memoryview[int], index: int, functions: _Functions) -> bool:
    """Is the word at an index no label, or one of a table's?"""
    word = words[index]
    function = functions.around(word)
    beside = words[max(index - 1, 0) : index].tolist() + words[index + 1 : index + 2].tolist()
    return function is None or any(functions.around(other) == function for other in beside)
