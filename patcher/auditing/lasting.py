# SPDX-License-Identifier: GPL-2.0-or-later
"""Where a patch would not last: code that the program itself rewrites by one of its tables."""

from bisect import bisect_left
from itertools import accumulate

from patcher.binary.model import Binary


class Lasting:
    """Answers for one binary; its rewritten ranges may overlap and be many."""

    def __init__(self, binary: Binary) -> None:
        self._binary = binary
        self._starts = [one.start for one in binary.rewritten]
        self._reach = list(accumulate((one.end for one in binary.rewritten), max))

    def table(self, start: int, end: int) -> str:
        """The table by which the program rewrites some of `[start, end)`; "" for none."""
        index = bisect_left(self._starts, end) - 1
        while index >= 0 and self._reach[index] > start:
            if self._binary.rewritten[index].end > start:
                return self._binary.rewritten[index].table
            index -= 1
        return ""

    def obstacle(self, start: int, end: int) -> str:
        """Why a patch in `[start, end)` would not last, as a sentence; "" when it would."""
        table = self.table(start, end)
        if not table:
            return ""
        return f"The program itself rewrites it ({table}): it must be scanned again when that is done."
