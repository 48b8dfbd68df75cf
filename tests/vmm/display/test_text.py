# SPDX-License-Identifier: GPL-2.0-or-later
"""The drawn screen, looked at through a little terminal that understands what is written."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmm.devices.vga_text import Cursor, VgaText
from vmm.display.text import TextDisplay, attribute_sequence, use_colour

SEQUENCE = re.compile(r"\x1b\[(\??[0-9;]*)([A-Za-z])")


class LittleTerminal:
    """Keeps what a terminal would show: characters, cursor, modes."""

    def __init__(self) -> None:
        self.lines = [[" "] * 80 for _ in range(50)]
        self.row = self.column = 0
        self.written: list[str] = []
        self.modes: dict[str, bool] = {}

    def write(self, text: str) -> None:
        self.written.append(text)
        position = 0
        while position < len(text):
            if match := SEQUENCE.match(text, position):
                self.control(match[1], match[2])
                position = match.end()
                continue
            if text[position] != "\n":
                self.lines[self.row][self.column] = text[position]
                self.column += 1
            position += 1

    def control(self, parameters: str, final: str) -> None:
        if final == "H":
            row, column = parameters.split(";")
            self.row, self.column = int(row) - 1, int(column) - 1
        elif final in "hl":
            self.modes[parameters] = final == "h"
        else:
            assert final in "mJ"

    def text(self) -> str:
        return "\n".join("".join(line).rstrip() for line in self.lines).rstrip("\n")


class Bench:
    def __init__(self, colour: bool = True, lines: int = 30) -> None:
        self.memory = bytearray(b" \x07" * 0x4000)
        self.vga = VgaText(memoryview(self.memory))
        self.terminal = LittleTerminal()
        self.height = lines
        self.display = TextDisplay(self.vga, self.terminal.write, colour=colour, lines=lambda: self.height)

    def put(self, row: int, text: bytes, attribute: int = 0x07) -> None:
        for i, code in enumerate(text):
            at = 2 * (row * 80 + i)
            self.memory[at : at + 2] = bytes((code, attribute))


def test_the_terminal_shows_the_screen() -> None:
    bench = Bench()
    bench.put(0, b"GNU Mach \xc4 1.8")
    bench.put(24, b"last row", 0x1F)
    bench.display.draw()
    assert bench.terminal.text() == bench.vga.text()
    assert "─" in bench.terminal.text()


def test_only_changed_rows_are_written() -> None:
    bench = Bench()
    bench.display.draw()
    bench.display.draw()
    assert len(bench.terminal.written) == 1
    bench.put(7, b"x")
    bench.display.draw()
    assert re.findall(r"\x1b\[(\d+);1H", bench.terminal.written[1]) == ["8", "1"]  # the row, then the cursor


def test_a_moved_cursor_is_followed() -> None:
    bench = Bench()
    bench.display.draw()
    bench.vga.crtc[0x0F] = 85
    bench.display.draw()
    assert bench.terminal.written[1] == "\x1b[2;6H\x1b[?25h"
    bench.vga.crtc[0x0A] = 0x20
    bench.display.draw()
    assert bench.terminal.modes["?25"] is False


@pytest.mark.parametrize(
    ("attribute", "blinks", "sequence"),
    [(0x07, True, "0;37;40"), (0x1F, True, "0;97;44"), (0x4E, True, "0;93;41"), (0x87, True, "0;37;40;5"),
     (0xF0, False, "0;30;107"), (0x20, False, "0;30;42")],
)  # fmt: skip
def test_attributes_become_colours(attribute: int, blinks: bool, sequence: str) -> None:
    assert attribute_sequence(attribute, blinks) == f"\x1b[{sequence}m"


def test_without_colour_nothing_is_coloured() -> None:
    bench = Bench(colour=False)
    bench.put(0, b"plain", 0x4E)
    bench.display.draw()
    assert "m" not in {match[2] for match in SEQUENCE.finditer("".join(bench.terminal.written))}


@pytest.mark.parametrize(("value", "colour"), [(None, True), ("", True), ("1", False)])
def test_no_color_is_honoured(monkeypatch: pytest.MonkeyPatch, value: str | None, colour: bool) -> None:
    if value is None:
        monkeypatch.delenv("NO_COLOR", raising=False)
    else:
        monkeypatch.setenv("NO_COLOR", value)
    assert use_colour() is colour


def test_a_low_terminal_shows_what_fits() -> None:
    bench = Bench(lines=10)
    bench.put(9, b"fits")
    bench.put(10, b"does not")
    bench.vga.crtc[0x0E:0x10] = bytes((0x03, 0x20))  # row 10
    bench.display.draw()
    assert bench.terminal.text().strip() == "fits"
    assert bench.terminal.modes["?25"] is False
    bench.height = 25
    bench.display.draw()
    assert "does not" in bench.terminal.text()


def test_closing_gives_cursor_and_wrap_back() -> None:
    bench = Bench()
    bench.display.close()
    assert bench.terminal.written == []
    bench.vga.crtc[0x0A] = 0x20
    bench.display.draw()
    assert bench.terminal.modes == {"?7": False, "?25": False}
    bench.display.close()
    bench.display.close()
    assert bench.terminal.modes == {"?7": True, "?25": True}
    assert bench.terminal.written[-1].endswith("\n")


def test_it_writes_to_standard_output_by_itself(capsys: pytest.CaptureFixture[str]) -> None:
    bench = Bench()
    bench.put(3, b"seen")
    display = TextDisplay(bench.vga, colour=False, lines=lambda: 25)
    display.draw()
    display.close()
    assert "seen" in capsys.readouterr().out


def test_graphics_modes_draw_nothing() -> None:
    bench = Bench()
    bench.vga.graphics[6] = 1
    bench.display.draw()
    assert bench.terminal.written == []


@given(
    st.lists(
        st.tuples(st.integers(0, 24), st.binary(min_size=1, max_size=80), st.integers(0, 255)), max_size=12
    )
)
def test_any_changes_end_up_on_the_terminal(changes: list[tuple[int, bytes, int]]) -> None:
    bench = Bench()
    for row, text, attribute in changes:
        bench.put(row, text, attribute)
        bench.display.draw()
    bench.display.draw()
    assert bench.terminal.text() == bench.vga.text()
    cursor = bench.vga.cursor
    assert cursor is not None
    assert Cursor(bench.terminal.row, bench.terminal.column) == cursor
