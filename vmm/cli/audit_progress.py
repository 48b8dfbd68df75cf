# SPDX-License-Identifier: GPL-2.0-or-later
"""How far an audit is: a bar on a terminal, and nothing before half a second is over."""

import sys
import threading
from types import TracebackType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rich.progress import Progress

PATIENCE: Final = 0.5
BAR: Final = 20
BESIDE: Final = 14
"""Columns for the time, the spaces between, and the ^C that a terminal shows behind the line: a line that is longer
than the terminal is left standing there."""


class AuditProgress:
    """A context manager; `tell` may be called from any thread. Draws on stderr, and only on a terminal."""

    def __init__(self, total: int) -> None:
        self._total, self._done, self._last = total, 0, ""
        self._lock = threading.Lock()
        self._bar: Progress | None = None
        self._room = 0
        self._timer = threading.Timer(PATIENCE, self._start)
        self._timer.daemon = True

    def __enter__(self) -> "AuditProgress":
        if sys.stderr.isatty():
            self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        with self._lock:
            if self._bar is not None:
                self._bar.stop()
            self._total = 0

    def tell(self, path: str) -> None:
        """One more file is done."""
        with self._lock:
            self._done, self._last = self._done + 1, path
            self._draw()

    def _start(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        with self._lock:
            if not self._total:
                return
            columns = (
                BarColumn(BAR),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TextColumn("{task.description}"),
            )
            console = Console(stderr=True)
            self._room = max(0, console.width - BAR - 2 * len(str(self._total)) - 1 - BESIDE)
            self._bar = Progress(*columns, console=console, transient=True)
            self._bar.add_task("", total=self._total)
            self._bar.start()
            self._draw()

    def _draw(self) -> None:
        if self._bar is not None:
            from rich.markup import escape

            from patcher.archive.shown import show

            shown = show(self._last)
            last = escape(shown[max(0, len(shown) - self._room) :])
            self._bar.update(self._bar.task_ids[0], completed=self._done, description=last)
