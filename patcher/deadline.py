# SPDX-License-Identifier: GPL-2.0-or-later
"""When work on one file is to come to its end, softly: what works asks, keeps what it has, and says what is missing.

Two marks: at the first nothing new is looked for; at the second what was found is not described any more either. What
does not ask is ended by `patcher.auditing.limits`.
"""

from collections.abc import Callable
from time import monotonic
from typing import Final

MORE: Final = 1.4
"""Describing what was found may take so much longer than finding it, and `SPARE` seconds."""
SPARE: Final = 0.8


class Deadline:
    """`seconds` from now (None: never)."""

    __slots__ = ("_clock", "_first", "_second")

    def __init__(self, seconds: float | None, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        now = clock()
        self._first = None if seconds is None else now + seconds
        self._second = None if seconds is None else now + seconds * MORE + SPARE

    def passed(self) -> bool:
        """Is the time to look for anything new over?"""
        return self._first is not None and self._clock() > self._first

    def overdue(self) -> bool:
        """Is the time to describe what was found over, too?"""
        return self._second is not None and self._clock() > self._second


NEVER: Final = Deadline(None)
