# SPDX-License-Identifier: GPL-2.0-or-later
"""Host times at which the guest said that a loop begins or ends; a character backend behind the debug console."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from vmm.chardev.backend import CharReceiver
from vmm.errors import VmmError

_EMPTY, _LOOP = b"[]", b"<>"


@dataclass(frozen=True, slots=True)
class Sample:
    """One run: `count` iterations of the loop and of an empty one, each in seconds of host time."""

    count: int
    loop: float
    empty: float

    @property
    def nanoseconds(self) -> float:
        """For one iteration, without what an empty one takes."""
        return max(self.loop - self.empty, 0.0) / self.count * 1e9


class Stopwatch:
    """Keeps the time of every mark."""

    def __init__(self) -> None:
        self.wake: Callable[[], None] | None = None
        self._marks: dict[int, float] = {}

    def write(self, data: bytes) -> None:
        now = time.perf_counter()
        for mark in data:
            self._marks[mark] = now

    def connect(self, receiver: CharReceiver) -> None:
        """There is nothing to receive."""

    def pump(self) -> None:
        """There is nothing to hand over."""

    def close(self) -> None:
        """There is nothing to give back."""

    def sample(self, count: int, ending: str) -> Sample:
        """What was measured. Raises VmmError, with how the guest ended, when a mark is missing."""
        marks = self._marks
        missing = [chr(mark) for mark in _EMPTY + _LOOP if mark not in marks]
        if missing:
            raise VmmError(f"The guest ended before it reached its mark {missing[0]}: {ending}")
        return Sample(count, marks[_LOOP[1]] - marks[_LOOP[0]], marks[_EMPTY[1]] - marks[_EMPTY[0]])
