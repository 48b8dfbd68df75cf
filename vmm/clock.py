# SPDX-License-Identifier: GPL-2.0-or-later
"""Virtual time: nanoseconds since the machine was switched on, and what is to happen when.

Devices never poll. They derive every count and status from `clock.now()` and ask `Timers` for a call at
the moment that something must happen by itself. Only `HostClock` looks at the host's time; with
`CountedClock` a run is a pure function of its inputs.
"""

import heapq
import time
from collections.abc import Callable
from typing import Protocol

SECOND = 1_000_000_000


class Clock(Protocol):
    """Virtual nanoseconds; never go back."""

    def now(self) -> int: ...
    def skip(self, ns: int) -> None:
        """Let `ns` pass at once (a halted processor with nothing to wait for but a timer)."""


class HostClock:
    """Follows the host's monotonic clock, stands still while paused, and can be moved ahead."""

    def __init__(self) -> None:
        self._offset = -time.monotonic_ns()
        self._paused_at: int | None = None

    def now(self) -> int:
        if self._paused_at is not None:
            return self._paused_at
        return time.monotonic_ns() + self._offset

    def pause(self) -> None:
        """Stop virtual time (the machine is stopped); a second call changes nothing."""
        if self._paused_at is None:
            self._paused_at = self.now()

    def resume(self) -> None:
        """Let virtual time run on from where it was paused."""
        if self._paused_at is not None:
            self._offset = self._paused_at - time.monotonic_ns()
            self._paused_at = None

    def skip(self, ns: int) -> None:
        if ns < 0:
            raise ValueError("virtual time never goes back")
        if self._paused_at is not None:
            self._paused_at += ns
        self._offset += ns


class CountedClock:
    """Moves only when the run loop says so, by what the executed instructions are worth."""

    def __init__(self) -> None:
        self._now = 0
        #: what the run that is going on now has added so far: devices and rdtsc see time pass within it
        self.within: Callable[[], int] = lambda: 0

    def now(self) -> int:
        return self._now + self.within()

    def advance(self, ns: int) -> None:
        """Let `ns` nanoseconds pass."""
        if ns < 0:
            raise ValueError("virtual time never goes back")
        self._now += ns

    skip = advance


class Timer:
    """One scheduled call: at virtual time `at` (ns); ties go in the order they were scheduled."""

    __slots__ = ("at", "callback", "order")

    def __init__(self, at: int, order: int, callback: Callable[[], None] | None) -> None:
        self.at = at
        self.order = order
        self.callback = callback

    def __lt__(self, other: "Timer") -> bool:
        return (self.at, self.order) < (other.at, other.order)


class Timers:
    """Calls to be made at given virtual times, made by the run loop between guest instructions.

    Everything but `next_deadline` belongs to the run loop's thread.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        #: called with the new deadline when it becomes earlier than what `next_deadline` said before
        self.on_earlier: Callable[[int], None] | None = None
        self._heap: list[Timer] = []
        self._order = 0
        self._dead = 0  # cancelled timers still in the heap
        self._deadline: int | None = None

    def schedule(self, at_ns: int, callback: Callable[[], None]) -> Timer:
        """Have `callback` called by the first `run_due` at or after `at_ns`."""
        self._order += 1
        timer = Timer(at_ns, self._order, callback)
        heapq.heappush(self._heap, timer)
        earliest = self._deadline
        if earliest is None or at_ns < earliest:
            self._deadline = at_ns
            if self.on_earlier is not None:
                self.on_earlier(at_ns)
        return timer

    def cancel(self, timer: Timer | None) -> None:
        """Forget a call that was not made yet; None and calls already made are fine."""
        if timer is None or timer.callback is None:
            return
        timer.callback = None
        self._dead += 1
        if self._dead > 32 and self._dead > len(self._heap) // 2:
            self._heap = [kept for kept in self._heap if kept.callback is not None]
            heapq.heapify(self._heap)
            self._dead = 0
        self._look()

    def next_deadline(self) -> int | None:
        """Virtual time of the earliest call to come, or None; any thread may ask."""
        return self._deadline

    def _look(self) -> None:
        """Drop cancelled calls from the front and note the earliest one left."""
        heap = self._heap
        while heap and heap[0].callback is None:
            heapq.heappop(heap)
            self._dead -= 1
        self._deadline = heap[0].at if heap else None

    def run_due(self) -> None:
        """Make all calls that are due, earliest first.

        A call scheduled meanwhile waits for the next `run_due`, so no device can keep the loop here.
        """
        for timer in self._take_due(self.clock.now()):
            callback, timer.callback = timer.callback, None
            if callback is not None:
                callback()

    def _take_due(self, now: int) -> list[Timer]:
        due: list[Timer] = []
        while self._deadline is not None and self._deadline <= now:
            due.append(heapq.heappop(self._heap))
            self._look()
        return due
