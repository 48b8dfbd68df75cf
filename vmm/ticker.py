# SPDX-License-Identifier: GPL-2.0-or-later
"""The thread that brings a free-running engine back: at a timer's deadline, on input, and often enough for Ctrl-C."""

import threading
import time
from collections.abc import Callable

POLL = 0.05  # seconds between looks at limits and signals when nothing else is due
AGAIN = 0.002  # seconds until a stop that came too early is sent again


class Ticker:
    """Calls `stop` when `kick` was called or a deadline has come, until `acknowledge`.

    `seconds_left` tells how long until the next deadline (None: nothing is due).
    """

    def __init__(self, stop: Callable[[], None], seconds_left: Callable[[], float | None]) -> None:
        self._stop = stop
        self._seconds_left = seconds_left
        self._changed = threading.Condition()
        self._closing = False
        self._kicked = False
        self._next_poll = 0.0
        self.due = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """From now until `close`; may be done again after it."""
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="ticker", daemon=True)
        self._thread.start()

    def kick(self) -> None:
        """The engine must come back now (any thread)."""
        with self._changed:
            self._kicked = True
            self._changed.notify()

    def rearm(self, _deadline: int = 0) -> None:
        """A deadline became earlier than the one waited for (the engine's thread, from a callback)."""
        with self._changed:
            self._changed.notify()

    def soon(self, seconds: float) -> None:
        """Bring the engine back after `seconds` although nothing is due (the engine's thread)."""
        with self._changed:
            self._next_poll = min(self._next_poll, time.monotonic() + seconds)
            self._changed.notify()

    def acknowledge(self) -> None:
        """The engine has come back: deadlines are looked at anew."""
        if self.due:
            with self._changed:
                self.due = False
                self._changed.notify()

    def wait(self, seconds: float | None) -> None:
        """Sleep in the engine's stead (a halted guest) until a deadline, a kick or `seconds` have passed."""
        with self._changed:
            if not (self._kicked or self.due):
                self._changed.wait_for(lambda: self.due, POLL if seconds is None else min(seconds, POLL))

    def close(self) -> None:
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _timeout(self) -> float:
        if self.due:
            return AGAIN
        left = self._seconds_left()
        poll = self._next_poll - time.monotonic()
        return max(0.0, poll if left is None else min(left, poll))

    def _ended(self) -> bool:
        return self._closing

    def _run(self) -> None:
        with self._changed:
            while not self._ended():
                timeout = self._timeout()
                notified = self._changed.wait(timeout) if timeout and not self._kicked else False
                if self._ended():
                    return
                if not notified or self._kicked:
                    self._kicked = False
                    self._next_poll = time.monotonic() + POLL
                    self.due = True
                    self._changed.notify_all()
                    self._stop()
