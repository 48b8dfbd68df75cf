# SPDX-License-Identifier: GPL-2.0-or-later
"""Words of data that look like addresses of code, in programs that keep no relocations.

Where the extents of functions are known, an address inside of one is a label of its: what a switch or a table of labels
jumps to. Such tables have several entries; one word alone that points into a function is a number. So is one that
points between functions to where none begins.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import Final

from patcher.binary.address_space import AddressSpace
from patcher.binary.gathering import Gathering

_ENDS: Final = (b"", b"\xc3", b"\xcb", b"\xcc", b"\x90", b"\xf4", b"\0")
"""What stands before a function: the end of another, or fill."""
_ALIGNED: Final = 16


class _Code:
    """The extents of functions, sorted by where they start, and what lies between them."""

    def __init__(self, into: Gathering, space: AddressSpace) -> None:
        self._space, self._code = space, into.code()
        self._starts = sorted(start for start, row in into.functions.items() if row[0] > start)
        self._ends = [into.functions[start][0] for start in self._starts]

    def place(self, address: int) -> int | None:
        """The start of the function that an address lies inside of, 0 between functions; None outside of code."""
        if address not in self._code:
            return None
        index = bisect_right(self._starts, address) - 1
        return self._starts[index] if index >= 0 and address < self._ends[index] else 0

    def may_begin(self, address: int) -> bool:
        """May a function begin here? Where none is known, anywhere."""
        place = self.place(address)
        if place:
            return place == address
        before = bytes(self._space.view(address - 1, 1))
        return not self._starts or address % _ALIGNED == 0 or before in _ENDS


def guess_pointers(into: Gathering, space: AddressSpace, size: int) -> Iterator[int]:
    """Aligned words of data that are addresses of code, as far as functions do not speak against it."""
    low, high = into.code().span
    code = _Code(into, space)
    for section in into.sections:
        if not section.executable:
            whole = section.data[: len(section.data) // size * size]
            words = whole.cast("I") if size == 4 else whole.cast("Q")
            for index in [index for index, word in enumerate(words) if low <= word < high]:
                if code.may_begin(words[index]) or _is_label(words, index, code):
                    yield words[index]


def _is_label(words: memoryview[int], index: int, code: _Code) -> bool:
    """Is the word at an index one of a table of labels: does one beside it point into the same function?"""
    place = code.place(words[index])
    beside = words[max(index - 1, 0) : index].tolist() + words[index + 1 : index + 2].tolist()
    return place is not None and any(code.place(other) == place and other != place for other in beside)
