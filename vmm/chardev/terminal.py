# SPDX-License-Identifier: GPL-2.0-or-later
"""Raw mode for the terminal on standard input, given back on every way out.

Keys come one by one and without echo; Ctrl-C, Ctrl-Z and Ctrl-\\ keep their meaning for the host, and
output is still processed (termios(3)). The terminal is restored by `leave`, at interpreter exit, and by the
signals that end or stop a process; after a stop it is raw again.
"""

import atexit
import os
import signal
import termios
import threading
from types import FrameType

_LFLAG, _IFLAG, _CC = 3, 0, 6
_ENDING = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


class RawTerminal:
    """One terminal by file descriptor; anything that is no terminal, or not ours to use, is left alone."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._saved: list[int | list[bytes | int]] | None = None

    @property
    def is_raw(self) -> bool:
        """Whether `enter` changed the terminal and nobody restored it."""
        return self._saved is not None

    def usable(self) -> bool:
        """A terminal of which this process is in the foreground: others would be stopped for touching it."""
        try:
            return os.isatty(self._fd) and os.tcgetpgrp(self._fd) == os.getpgrp()
        except OSError:
            return False

    def enter(self) -> None:
        """Switch to raw mode; a second call changes nothing."""
        if self._saved is not None or not self.usable():
            return
        mode = termios.tcgetattr(self._fd)
        _guard(self)
        self._saved = [*mode[:_CC], list(mode[_CC])]
        mode[_LFLAG] &= ~(termios.ICANON | termios.ECHO | termios.IEXTEN)
        mode[_IFLAG] &= ~(termios.ICRNL | termios.INLCR | termios.IGNCR | termios.IXON | termios.ISTRIP)
        mode[_CC][termios.VMIN], mode[_CC][termios.VTIME] = 1, 0
        termios.tcsetattr(self._fd, termios.TCSANOW, mode)

    def leave(self) -> None:
        """Restore the terminal; a second call changes nothing."""
        saved, self._saved = self._saved, None
        _ACTIVE.discard(self)
        if saved is not None:
            try:
                termios.tcsetattr(self._fd, termios.TCSADRAIN, saved)
            except termios.error:  # the terminal went away
                return


_ACTIVE: set[RawTerminal] = set()
_STOPPED: set[RawTerminal] = set()


def restore_all() -> None:
    """Give back every terminal that is raw."""
    for terminal in tuple(_ACTIVE):
        terminal.leave()


def _guard(terminal: RawTerminal) -> None:
    """Have `terminal` restored on every way out; signals can only be caught from the main thread."""
    _ACTIVE.add(terminal)
    atexit.unregister(restore_all)
    atexit.register(restore_all)
    if threading.current_thread() is not threading.main_thread():
        return
    for number, handler in (*((n, _on_end) for n in _ENDING), (signal.SIGTSTP, _on_stop)):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, handler)


def _die(number: int) -> None:
    """Do what the signal does to a process that never caught it."""
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def _on_end(number: int, frame: FrameType | None) -> None:
    restore_all()
    _die(number)


def _on_stop(number: int, frame: FrameType | None) -> None:
    """Ctrl-Z: the shell gets its terminal back; `fg` makes it raw again."""
    _STOPPED.update(_ACTIVE)
    restore_all()
    signal.signal(signal.SIGCONT, _on_continue)
    _die(number)


def _on_continue(number: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGCONT, signal.SIG_DFL)
    signal.signal(signal.SIGTSTP, _on_stop)
    for terminal in _STOPPED:
        terminal.enter()
    _STOPPED.clear()
