# SPDX-License-Identifier: GPL-2.0-or-later
"""Hard limits of time and memory around the audit of one file, for a process of our own.

The deadline (`patcher.deadline`) ends an audit softly, with what was found. These ends are for what does not ask it:
a reader or an unpacker on hostile input. They need the process's main thread (time) and Linux (memory).
"""

import contextlib
import math
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Final

import patcher.decoder
from patcher.errors import PatcherError

GRACE: Final = 2.0  # a file may take so much longer than its soft limit,
SPARE: Final = 10.0  # and so many seconds: what asks has ended by then (`patcher.deadline`)
AGAIN: Final = 1.0  # rings once more after so many seconds: C code that calls back loses exceptions
_PAGE: Final = 4096


class OutOfTime(PatcherError):
    """The audit of a file took too long."""


class _Ring(BaseException):
    """The time is over. No `Exception`: readers take those for damage in a file, and go on."""


@contextlib.contextmanager
def within(name: str, seconds: float | None, memory: int | None) -> Iterator[None]:
    """Raise `PatcherError` with a sentence on `name` when what runs inside takes more than it may."""
    with _time(name, seconds), _memory(memory):
        try:
            yield
        except MemoryError:
            limit = "there is" if memory is None else f"the limit of {memory >> 20} MiB"
            raise PatcherError(f"{name} needs more memory than {limit}.") from None
        except RecursionError:
            raise PatcherError(f"{name} is nested too deeply.") from None


@contextlib.contextmanager
def _time(name: str, seconds: float | None) -> Iterator[None]:
    if seconds is None or math.isinf(seconds) or threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(_number: int, _frame: FrameType | None) -> None:
        raise _Ring

    before, report = signal.signal(signal.SIGALRM, ring), sys.unraisablehook

    def tell(lost: "sys.UnraisableHookArgs") -> None:
        """Where nothing can be raised Python prints a traceback; there the ring comes again."""
        if not isinstance(lost.exc_value, _Ring):
            report(lost)

    sys.unraisablehook = tell
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds * GRACE + SPARE, AGAIN)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except _Ring:
        raise OutOfTime(f"{name} takes more than {seconds:g} second{'s' * (seconds != 1)}.") from None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        sys.unraisablehook = report


@contextlib.contextmanager
def _memory(memory: int | None) -> Iterator[None]:
    """Lower the limit of the address space to what is used now and `memory` bytes more."""
    if memory is not None:
        patcher.decoder.load()
    used = None if memory is None else _address_space()
    if memory is None or used is None:
        yield
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = used + memory
    if soft != resource.RLIM_INFINITY:
        wanted = min(wanted, soft)
    resource.setrlimit(resource.RLIMIT_AS, (wanted, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _address_space() -> int | None:
    """Bytes of address space that this process has; None where nothing tells."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[0]) * _PAGE
    except OSError:
        return None
