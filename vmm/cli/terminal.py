# SPDX-License-Identifier: GPL-2.0-or-later
"""The user's terminal and signals around a run: the terminal is put back however the run ends, Ctrl-C
always ends it.

A signal reaches Python code only between two of its instructions, and the engine may be busy for long. So
a thread watches the signals' wake-up pipe: if the run has not ended a while after SIGINT or SIGTERM, it
puts the terminal back and ends the process itself.
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
def always_interruptible(restore: Callable[[], None]) -> Iterator[None]:
    """Within: SIGTERM ends the process as orderly as Ctrl-C, and both end it even when Python cannot run.

    Only the main thread may handle signals; called from another one this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    old_term = signal.signal(signal.SIGTERM, _terminate)
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    old_wakeup = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    ended = threading.Event()
    threading.Thread(target=_watch, args=(reading, ended, restore), daemon=True).start()
    try:
        yield
    finally:
        ended.set()
        signal.set_wakeup_fd(old_wakeup)
        os.close(writing)
        signal.signal(signal.SIGTERM, old_term)


def _terminate(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _watch(reading: int, ended: threading.Event, restore: Callable[[], None]) -> None:
    """Wait for an ending signal; if the run then lasts longer than GRACE, end the process."""
    with os.fdopen(reading, "rb", buffering=0) as pipe:
        while numbers := pipe.read(64):
            fatal = [number for number in numbers if number in _ENDING]
            if fatal and not ended.wait(GRACE):
                restore()
                os._exit(128 + fatal[0])
