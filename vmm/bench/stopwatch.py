# SPDX-License-Identifier: GPL-2.0-or-later
"""Times at which the guest said that a loop begins or ends; a character backend behind the debug console.

The clock is the processor time of the thread that runs the guest, so others on the machine disturb less; only a guest
that waits is measured by the clock on the wall.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from vmm.chardev.backend import CharReceiver
from vmm.errors import VmmError

_EMPTY, _LOOP = b"[]", b"<>"
_MARKS = _EMPTY + _LOOP


@dataclass(frozen=True, slots=True)
class Sample:
    """One run: `count` iterations of the loop and of an empty one, each in seconds."""

    count: int
    loop: float
    empty: float

    @property
    def nanoseconds(self) -> float:
        """For one iteration, without what an empty one takes."""
        return max(self.loop - self.empty, 0.0) / self.count * 1e9


class Stopwatch:
    """Keeps the time of every mark; `waits`: by the clock on the wall."""

    def __init__(self, waits: bool = False) -> None:
        self._clock = time.perf_counter if waits else time.thread_time
        self.wake: Callable[[], None] | None = None
        self._marks: dict[int, float] = {}

    def write(self, data: bytes) -> None:
        now = self._clock()
        for mark in data:
            self._marks[mark] = now

    def connect(self, receiver: CharReceiver) -> None:
        """There is nothing to receive."""

    def pump(self) -> None:
        """There is nothing to hand over."""

    def close(self) -> None:
        """There is nothing to give back."""

    @property
    def complete(self) -> bool:
        """Have all four marks come?"""
        return all(mark in self._marks for mark in _MARKS)

    def sample(self, count: int, ending: str) -> Sample:
        """What was measured. Raises VmmError, with how the guest ended, when a mark is missing."""
        marks = self._marks
        if not self.complete:
            missing = next(chr(mark) for mark in _MARKS if mark not in marks)
            raise VmmError(f"The guest ended before it reached its mark {missing}: {ending}")
        return Sample(count, marks[_LOOP[1]] - marks[_LOOP[0]], marks[_EMPTY[1]] - marks[_EMPTY[0]])
