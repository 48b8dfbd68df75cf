# SPDX-License-Identifier: GPL-2.0-or-later
"""How long the engine's callbacks take: what separates time in the guest from time in the monitor.

Two looks at the clock are a tenth of an exit, so a machine measures this only when its figures were asked for.
"""

import time
from collections.abc import Callable
from typing import TypeVar

from vmm.engine.unicorn_engine import Callbacks

T = TypeVar("T")


class CallbackTime:
    """`seconds` of host time spent in callbacks so far."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def around(self, callbacks: Callbacks) -> Callbacks:
        """The same callbacks, timed."""
        return Callbacks(
            self._timed(callbacks.interrupt), self._timed(callbacks.invalid),
            self._timed(callbacks.fill), self._timed(callbacks.block),
        )  # fmt: skip

    def _timed(self, callback: Callable[..., T]) -> Callable[..., T]:
        clock = time.perf_counter

        def timed(*arguments: int) -> T:
            began = clock()
            try:
                return callback(*arguments)
            finally:
                self.seconds += clock() - began

        return timed
