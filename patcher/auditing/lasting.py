# SPDX-License-Identifier: GPL-2.0-or-later
"""Where a patch would not last: code that the program itself rewrites by its tables, and what it copies there."""

from patcher.binary.model import Binary, Rewritten
from patcher.intervals import Intervals


class Lasting:
    """Answers for one binary; its rewritten ranges may overlap and be many."""

    def __init__(self, binary: Binary) -> None:
        told = binary.rewritten
        self._over = Intervals((one.start, one.end, one) for one in told)
        self._copied = Intervals((one.source, one.source + one.size, one) for one in told if one.size)

    def table(self, start: int, end: int) -> str:
        """The table by which the program rewrites some of `[start, end)`, or copies it over other code; "" for none."""
        found = next(self._over.touching(start, end), None) or self.copied(start, end)
        return found.table if found is not None else ""

    def copied(self, start: int, end: int) -> Rewritten | None:
        """The place over which the program copies some of `[start, end)`."""
        return next(self._copied.touching(start, end), None)

    def obstacle(self, start: int, end: int) -> str:
        """Why a patch in `[start, end)` would not last, as a sentence; "" when it would."""
        over, copied = next(self._over.touching(start, end), None), self.copied(start, end)
        if over is not None:
            return f"The program itself rewrites it ({over.table}): it must be scanned again when that is done."
        if copied is not None:
            return (
                f"The program copies it over the code at {copied.start:#x} ({copied.table}), which must be scanned "
                "again when that is done."
            )
        return ""
