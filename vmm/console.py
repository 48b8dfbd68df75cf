# SPDX-License-Identifier: GPL-2.0-or-later
"""The guest's consoles as a person or a test uses them: serial line, keyboard, screen."""

import re
from collections.abc import Callable
from typing import Protocol

from vmm.chardev.buffer import BufferBackend
from vmm.devices.typist import LONG_HOLD, Typist
from vmm.devices.vga_text import VgaText
from vmm.limits import compile_until
from vmm.report.run_report import ExitReason, RunReport


class LiveScreen(Protocol):
    """Something that shows the screen while the guest runs."""

    def draw(self) -> None: ...
    def close(self) -> None: ...


class _NoScreen:
    def draw(self) -> None: ...
    def close(self) -> None: ...


RunUntil = Callable[[str | re.Pattern[str], float | None, Callable[[], str]], RunReport]
"""(pattern, timeout, text to search): run until the pattern appears there."""


class SerialConsole:
    """The first serial port."""

    def __init__(self, captured: BufferBackend, send: Callable[[bytes], None], run: RunUntil) -> None:
        self._captured, self._send, self._run = captured, send, run
        self._position = 0  # bytes of the output that `expect` has gone past

    @property
    def text(self) -> str:
        """What the guest has written so far."""
        return self._captured.text()

    def send(self, text: str | bytes) -> None:
        """Type into the serial line; the guest takes it as fast as it reads."""
        self._send(text.encode() if isinstance(text, str) else text)

    def sendline(self, text: str | bytes = "") -> None:
        """Type a line: `text` and Enter (a carriage return)."""
        self.send(text)
        self.send("\r")

    def expect(self, pattern: str | re.Pattern[str], timeout: float | None = None) -> str:
        """Run until `pattern` (a regular expression) appears and return what matched.

        The search begins behind the last match, so a prompt is waited for again each time. Raises TimeoutError with
        the reason when the run ends before.
        """
        report = self._run(pattern, timeout, self._unread)
        unread = self._unread()
        found = compile_until(pattern).search(unread)
        if found is None:
            raise TimeoutError(f"{pattern!r} did not appear on the serial line: {report.message}")
        self._position = self._captured.total - len(unread[found.end() :].encode("utf-8", "surrogateescape"))
        return found[0].encode("utf-8", "surrogateescape").decode("utf-8", "replace")

    def _unread(self) -> str:
        """What came since the last match, with bytes that are not UTF-8 escaped."""
        return self._captured.since(self._position).decode("utf-8", "surrogateescape")


class Keyboard:
    """The PC keyboard."""

    def __init__(self, typist: Typist) -> None:
        self._typist = typist

    def send(self, keys: str) -> None:
        """Press keys by QEMU's sendkey names, each for a tenth of a second as it does: "ret", "f1 esc ctrl-c"."""
        self._typist.send(keys, LONG_HOLD)

    def type(self, text: str) -> None:
        """Type a text as it stands on a US keyboard."""
        self._typist.type(text)


class Screen:
    """The 80x25 text screen."""

    def __init__(self, vga: VgaText) -> None:
        self._vga = vga

    @property
    def text(self) -> str:
        """The screen's lines, trailing spaces dropped."""
        return self._vga.text()

    def live(self, display: str, typist: Typist, wake: Callable[[], None], keys: bool) -> LiveScreen:
        """Draw on the terminal (`text`), with its keys going to the guest, or not at all (`none`)."""
        if display == "none":
            return _NoScreen()
        from vmm.chardev.stdio import StdioBackend
        from vmm.display.live import LiveTerminal

        return LiveTerminal(self._vga, typist, wake, StdioBackend() if keys else None)


__all__ = ["ExitReason", "Keyboard", "LiveScreen", "Screen", "SerialConsole"]
