# SPDX-License-Identifier: GPL-2.0-or-later
"""The VGA text screen, live in a terminal: ECMA-48 control sequences, only rows that changed.

Colours follow the attribute bytes unless NO_COLOR is set (no-color.org). The last picture stays on the
terminal; cursor, colours and line wrap are given back on exit.
"""

import os
import shutil
import sys
from collections.abc import Callable
from typing import Protocol

from vmm.devices.vga_text import GLYPHS, Cursor

_RESET, _CLEAR, _NO_WRAP, _WRAP = "\x1b[0m", "\x1b[2J", "\x1b[?7l", "\x1b[?7h"
_SHOW_CURSOR, _HIDE_CURSOR = "\x1b[?25h", "\x1b[?25l"
#: VGA counts blue, green, red in its bits; ANSI red, green, blue
_ANSI = (0, 4, 2, 6, 1, 5, 3, 7)


class Screen(Protocol):
    """What can be drawn: rows of code and attribute bytes, and a cursor."""

    @property
    def is_text(self) -> bool: ...
    @property
    def rows(self) -> int: ...
    @property
    def cursor(self) -> Cursor | None: ...
    @property
    def blinks(self) -> bool: ...
    def row_bytes(self, row: int) -> bytes: ...


def write_to_terminal(text: str) -> None:
    """Write to standard output at once."""
    sys.stdout.write(text)
    sys.stdout.flush()


def use_colour() -> bool:
    """Whether the user wants colours: NO_COLOR, when set and not empty, says no."""
    return not os.environ.get("NO_COLOR")


def attribute_sequence(attribute: int, blinks: bool) -> str:
    """The control sequence for an attribute byte; bit 7 is blink or a bright background."""
    foreground = (90 if attribute & 0x08 else 30) + _ANSI[attribute & 7]
    bright = attribute & 0x80 and not blinks
    background = (100 if bright else 40) + _ANSI[attribute >> 4 & 7]
    blink = ";5" if attribute & 0x80 and blinks else ""
    return f"\x1b[0;{foreground};{background}{blink}m"


def row_sequence(data: bytes, colour: bool, blinks: bool) -> str:
    """One row as text with control sequences, attributes only where they change."""
    parts: list[str] = []
    last = -1
    for i in range(0, len(data), 2):
        if colour and data[i + 1] != last:
            last = data[i + 1]
            parts.append(attribute_sequence(last, blinks))
        parts.append(GLYPHS[data[i]])
    if colour:
        parts.append(_RESET)
    return "".join(parts)


class TextDisplay:
    """Draws `screen` through `write` when `draw` is called; `lines` tells the terminal's height."""

    def __init__(
        self,
        screen: Screen,
        write: Callable[[str], object] | None = None,
        *,
        colour: bool | None = None,
        lines: Callable[[], int] = lambda: shutil.get_terminal_size().lines,
    ) -> None:
        self._screen = screen
        self._write = write or write_to_terminal
        self._colour = use_colour() if colour is None else colour
        self._lines = lines
        self._shown: list[bytes] = []
        self._height = 0
        self._cursor: Cursor | None = None
        self._open = False

    def draw(self) -> None:
        """Draw what changed since the last time; writes nothing when nothing did."""
        if not self._screen.is_text:
            return
        opening = "" if self._open else _CLEAR + _NO_WRAP
        picture = self._changed_rows()
        cursor = self._screen.cursor
        if not (opening or picture or cursor != self._cursor):
            return
        self._open, self._cursor = True, cursor
        self._write(opening + picture + self._cursor_sequence(cursor))

    def _changed_rows(self) -> str:
        height = min(self._screen.rows, self._lines())
        if height != self._height:
            self._shown, self._height = [b""] * height, height
        parts = []
        for row in range(height):
            data = self._screen.row_bytes(row)
            if data != self._shown[row]:
                self._shown[row] = data
                parts.append(f"\x1b[{row + 1};1H" + row_sequence(data, self._colour, self._screen.blinks))
        return "".join(parts)

    def _cursor_sequence(self, cursor: Cursor | None) -> str:
        if cursor is None or cursor.row >= self._height:
            return _HIDE_CURSOR
        return f"\x1b[{cursor.row + 1};{cursor.column + 1}H" + _SHOW_CURSOR

    def close(self) -> None:
        """Leave the cursor below the picture, visible, and everything else as it was."""
        if self._open:
            self._open = False
            self._write(f"{_RESET}{_WRAP}\x1b[{self._height};1H{_SHOW_CURSOR}\n")
