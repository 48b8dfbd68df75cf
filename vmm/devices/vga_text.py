# SPDX-License-Identifier: GPL-2.0-or-later
"""A VGA in text mode: the characters are plain guest RAM at B8000, the registers say which of them are shown.

IBM VGA XGA technical reference, "CRT Controller Registers". The picture depends on start address, size and
cursor; graphics modes show nothing.
"""

from dataclasses import dataclass

from vmm.devices.vga_registers import VgaRegisters

_CRTC_END, _OFFSET = 0x12, 0x13
_MAX_SCAN, _CURSOR_START, _CURSOR_END, _START_HIGH, _CURSOR_HIGH = 0x09, 0x0A, 0x0B, 0x0C, 0x0E
_OVERFLOW = 0x07
_CURSOR_OFF, _SCAN_LINE = 0x20, 0x1F
_GRAPHICS_MODE = 0x01  # graphics controller register 6

#: the glyphs of code page 437 for the codes that Unicode has control characters for
_LOW_GLYPHS = " ☺☻♥♦♣♠•◘○◙♂♀♪♫☼►◄↕‼¶§▬↨↑↓→←∟↔▲▼"
GLYPHS = (
    _LOW_GLYPHS + bytes(range(0x20, 0x7F)).decode("ascii") + "⌂" + bytes(range(0x80, 0x100)).decode("cp437")
)
_TO_TEXT = dict(enumerate(GLYPHS))


@dataclass(frozen=True, slots=True)
class Cell:
    """One character position: the code in code page 437 and the attribute byte (background, foreground)."""

    code: int
    attribute: int

    @property
    def glyph(self) -> str:
        """The character as Unicode."""
        return GLYPHS[self.code]


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where the cursor is on the screen, both from 0."""

    row: int
    column: int


class VgaText(VgaRegisters):
    """A VGA whose text can be looked at. `memory` is the guest RAM at B8000, 32 KiB."""

    def __init__(self, memory: memoryview) -> None:
        super().__init__()
        self._memory = memory
        self._read: tuple[bytes, bytes] | None = None  # memory and registers that `_text` was made of
        self._text = ""

    @property
    def is_text(self) -> bool:
        """Whether the registers choose a text mode."""
        return not self.graphics[6] & _GRAPHICS_MODE

    @property
    def columns(self) -> int:
        """Characters in a row, 40 to 132."""
        return min(max(self.crtc[1] + 1, 40), 132)

    @property
    def rows(self) -> int:
        """Rows of characters, 1 to 60: the lines shown divided by the height of a character."""
        overflow = self.crtc[_OVERFLOW]
        lines = (self.crtc[_CRTC_END] | (overflow & 0x02) << 7 | (overflow & 0x40) << 3) + 1
        height = (self.crtc[_MAX_SCAN] & _SCAN_LINE) + 1
        return min(max(lines // height, 1), 60)

    @property
    def cursor(self) -> Cursor | None:
        """Where the cursor shows, None when it is switched off or not on the screen."""
        start, end = self.crtc[_CURSOR_START], self.crtc[_CURSOR_END]
        if start & _CURSOR_OFF or start & _SCAN_LINE > end & _SCAN_LINE:
            return None
        position = (self._word(_CURSOR_HIGH) - self._word(_START_HIGH)) & 0xFFFF
        row, column = divmod(position, self.columns)
        return Cursor(row, column) if row < self.rows else None

    @property
    def blinks(self) -> bool:
        """Whether bit 7 of an attribute blinks; else it brightens the background (mode control, bit 3)."""
        return bool(self.attribute[0x10] & 0x08)

    def _word(self, index: int) -> int:
        return self.crtc[index] << 8 | self.crtc[index + 1]

    def row_bytes(self, row: int) -> bytes:
        """Code and attribute bytes of one row; display memory wraps at its end."""
        pitch = 2 * (2 * self.crtc[_OFFSET] or self.columns)
        start = (2 * self._word(_START_HIGH) + row * pitch) % len(self._memory)
        end = start + 2 * self.columns
        data = bytes(self._memory[start:end])
        return data + bytes(self._memory[: end - len(self._memory)]) if end > len(self._memory) else data

    def row_text(self, row: int) -> str:
        """One row as Unicode, all columns."""
        return self.row_bytes(row)[::2].decode("latin-1").translate(_TO_TEXT)

    def text(self) -> str:
        """The screen as Unicode: rows without trailing blanks, no empty rows at the end. Cheap when nothing changed."""
        if not self.is_text:
            return ""
        now = bytes(self._memory), bytes(self.crtc)
        if now != self._read:
            self._read, self._text = now, self._text_now()
        return self._text

    def _text_now(self) -> str:
        return "\n".join(self.row_text(row).rstrip() for row in range(self.rows)).rstrip("\n")

    def cells(self) -> list[list[Cell]]:
        """All character positions, row by row."""
        rows = (self.row_bytes(row) for row in range(self.rows))
        return [[Cell(data[i], data[i + 1]) for i in range(0, len(data), 2)] for data in rows]
