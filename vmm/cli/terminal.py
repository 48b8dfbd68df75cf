# SPDX-License-Identifier: GPL-2.0-or-later
"""The user's terminal and signals around a run: the terminal is put back however the run ends, and Ctrl-C
always ends it.

SIGINT and SIGTERM ask the machine to stop; an exception could be lost in a callback of the engine. A second
one interrupts. A signal reaches Python only between two of its instructions, and the engine may be busy: so
a thread watches the signals' wake-up pipe, and if the run has not ended a while after the signal, it puts
the terminal back and ends the process itself.
"""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType

#: Seconds between the signal and the hard end.
GRACE = 2.0
_ENDING = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def terminal_kept() -> Iterator[Callable[[], None]]:
    """Give the function that puts stdin's terminal back as it was; it is called at the end in any case."""
    restore = _restorer()
    try:
        yield restore
    finally:
        restore()


def _restorer() -> Callable[[], None]:
    """A function that sets stdin's attributes back to what they are now; does nothing without a terminal."""
    try:
        import termios

        descriptor = sys.stdin.fileno()
        attributes = termios.tcgetattr(descriptor)
    except (ImportError, OSError, ValueError, AttributeError, termios.error):
        return lambda: None

    def restore() -> None:
        with contextlib.suppress(termios.error):
            if termios.tcgetattr(descriptor) != attributes:
                termios.tcsetattr(descriptor, termios.TCSADRAIN, attributes)

    return restore


@contextlib.contextmanager
def unwound_by_sigterm() -> Iterator[None]:
    """Within: SIGTERM ends the process by way of an exception, status 143, so that processes and files of ours go, too.

    Only the main thread may handle signals; in another one this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _leave(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


@contextlib.contextmanager
def ended_by_signals(stop: Callable[[], None], restore: Callable[[], None]) -> Iterator[list[int]]:
    """Within: SIGINT and SIGTERM call `stop`, and end the process if that does not help; gives what came.

    Only the main thread may handle signals; in another one this does nothing.
    """
    received: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield received
        return
    with contextlib.ExitStack() as undo:
        _watch_signals(undo, restore)
        for number in _ENDING:
            undo.callback(signal.signal, number, signal.signal(number, _stopper(received, stop)))
        yield received


def _stopper(received: list[int], stop: Callable[[], None]) -> Callable[[int, FrameType | None], None]:
    """A handler that stops the first time and interrupts after that."""

    def handle(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        if len(received) > 1:
            raise KeyboardInterrupt
        stop()

    return handle


def _watch_signals(undo: contextlib.ExitStack, restore: Callable[[], None]) -> None:
    """Start the thread that watches the wake-up pipe, until `undo`."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    ended = threading.Event()
    undo.callback(os.close, writing)
    undo.callback(signal.set_wakeup_fd, signal.set_wakeup_fd(writing, warn_on_full_buffer=False))
    undo.callback(ended.set)
    threading.Thread(target=_watch, args=(reading, ended, restore), daemon=True).start()


def _watch(reading: int, ended: threading.Event, restore: Callable[[], None]) -> None:
    """Wait for an ending signal; if the run then lasts longer than GRACE, end the process."""
    with os.fdopen(reading, "rb", buffering=0) as pipe:
        while numbers := pipe.read(64):
            fatal = [number for number in numbers if number in _ENDING]
            if fatal and not ended.wait(GRACE):
                restore()
                os._exit(128 + fatal[0])
