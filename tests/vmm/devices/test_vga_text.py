# SPDX-License-Identifier: GPL-2.0-or-later
"""The text screen: what is read off it, and that the registers look like those of a VGA."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmm.devices.vga_text import GLYPHS, Cell, Cursor, VgaText


class Bench:
    def __init__(self) -> None:
        self.memory = bytearray(0x8000)
        self.vga = VgaText(memoryview(self.memory))

    def put(self, row: int, column: int, text: bytes, attribute: int = 0x07) -> None:
        for i, code in enumerate(text):
            at = 2 * (row * 80 + column + i)
            self.memory[at : at + 2] = bytes((code, attribute))

    def read(self, port: int) -> int:
        return self.vga.port_read(port - 0x3B0, 1)

    def write(self, port: int, value: int) -> None:
        self.vga.port_write(port - 0x3B0, 1, value)

    def crtc(self, index: int, value: int) -> None:
        self.write(0x3D4, index)
        self.write(0x3D5, value)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_the_screen_as_text(bench: Bench) -> None:
    bench.put(0, 0, b"Memtest86+ v6.10")
    bench.put(2, 4, b"Time: ")
    assert bench.vga.text() == "Memtest86+ v6.10\n\n    Time:"
    assert (bench.vga.columns, bench.vga.rows) == (80, 25)


def test_an_empty_screen_is_empty_text(bench: Bench) -> None:
    assert bench.vga.text() == ""


def test_cells_have_code_attribute_and_glyph(bench: Bench) -> None:
    bench.put(24, 79, b"\xdb", 0x4E)
    cells = bench.vga.cells()
    assert (len(cells), len(cells[0])) == (25, 80)
    assert cells[24][79] == Cell(0xDB, 0x4E)
    assert cells[24][79].glyph == "█"


def test_code_page_437() -> None:
    assert len(GLYPHS) == 256
    assert [GLYPHS[code] for code in (0x00, 0x01, 0x1E, 0x20, 0x41, 0x7F, 0xC4, 0xFF)] == [
        " ", "☺", "▲", " ", "A", "⌂", "─", "\N{NO-BREAK SPACE}",
    ]  # fmt: skip


def test_the_start_address_scrolls(bench: Bench) -> None:
    bench.put(1, 0, b"second row")
    bench.crtc(0x0D, 80)
    assert bench.vga.text() == "second row"


def test_display_memory_wraps(bench: Bench) -> None:
    bench.put(0, 0, b"at the beginning")
    bench.crtc(0x0C, 0x3F)
    bench.crtc(0x0D, 0xFC)  # four characters before the end of 32 KiB
    assert bench.vga.text() == "    at the beginning"


def test_the_cursor_is_relative_to_the_start(bench: Bench) -> None:
    assert bench.vga.cursor == Cursor(0, 0)
    bench.crtc(0x0E, (80 * 3 + 7) >> 8)
    bench.crtc(0x0F, (80 * 3 + 7) & 0xFF)
    assert bench.vga.cursor == Cursor(3, 7)
    bench.crtc(0x0D, 80)
    assert bench.vga.cursor == Cursor(2, 7)
    bench.crtc(0x0A, 0x2D)
    assert bench.vga.cursor is None


def test_a_cursor_without_lines_or_off_the_screen_is_none(bench: Bench) -> None:
    bench.crtc(0x0A, 0x0F)
    assert bench.vga.cursor is None
    bench.crtc(0x0A, 0x0D)
    bench.crtc(0x0E, 0x20)
    assert bench.vga.cursor is None


def test_50_rows_of_8_lines(bench: Bench) -> None:
    bench.crtc(0x09, 0x47)
    assert bench.vga.rows == 50


def test_graphics_modes_show_no_text(bench: Bench) -> None:
    bench.put(0, 0, b"text")
    bench.write(0x3CE, 6)
    bench.write(0x3CF, 0x05)
    assert not bench.vga.is_text
    assert bench.vga.text() == ""


@given(st.binary(min_size=25, max_size=25), st.binary(max_size=64))
def test_any_registers_give_a_picture(crtc: bytes, start: bytes) -> None:
    bench = Bench()
    bench.memory[: len(start)] = start
    for index in (0x11, *range(25)):
        bench.crtc(index, crtc[index])
    cells = bench.vga.cells()
    assert 1 <= len(cells) <= 60
    assert all(len(row) == bench.vga.columns for row in cells)
    assert isinstance(bench.vga.text(), str)


# -- registers ---------------------------------------------------------------------------------------------


def test_mode_3_registers_as_a_bios_leaves_them(bench: Bench) -> None:
    """Values read from QEMU's -M isapc after SeaBIOS."""

    def bank(index_port: int, count: int) -> str:
        values = []
        for index in range(count):
            bench.write(index_port, index)
            values.append(bench.read(index_port + 1))
        return bytes(values).hex(" ")

    assert bank(0x3C4, 5) == "03 00 03 00 02"
    assert bank(0x3CE, 9) == "00 00 00 00 00 10 0e 0f ff"
    assert bank(0x3D4, 25) == "5f 4f 50 82 55 81 bf 1f 00 4f 0d 0e 00 00 00 00 9c 8e 8f 28 1f 96 b9 a3 ff"
    assert [bench.read(port) for port in (0x3CC, 0x3C2, 0x3CA, 0x3C6, 0x3C7)] == [0x67, 0, 0, 0xFF, 0]


def test_status_1_goes_through_retrace_with_every_read(bench: Bench) -> None:
    assert [bench.read(0x3DA) for _ in range(3)] == [0x09, 0x00, 0x09]


def test_attribute_registers_share_a_port(bench: Bench) -> None:
    bench.read(0x3DA)
    bench.write(0x3C0, 0x10)
    bench.write(0x3C0, 0x04)
    assert not bench.vga.blinks
    bench.write(0x3C0, 0x30)
    assert (bench.read(0x3C0), bench.read(0x3C1)) == (0x30, 0x04)
    bench.read(0x3DA)  # the next write is an index again
    bench.write(0x3C0, 0x11)
    assert bench.read(0x3C0) == 0x11


def test_the_palette_is_the_ega_one(bench: Bench) -> None:
    bench.write(0x3C7, 6)
    assert [bench.read(0x3C9) for _ in range(6)] == [42, 42, 0, 42, 42, 42]
    assert bench.read(0x3C7) == 3
    bench.write(0x3C7, 0x3F)
    assert [bench.read(0x3C9) for _ in range(3)] == [63, 63, 63]


def test_a_palette_entry_is_written_when_complete(bench: Bench) -> None:
    bench.write(0x3C8, 255)
    for value in (1, 2, 0xFF, 4, 5):
        bench.write(0x3C9, value)
    assert bench.read(0x3C8) == 0  # wrapped
    bench.write(0x3C7, 255)
    assert [bench.read(0x3C9) for _ in range(6)] == [1, 2, 63, 0, 0, 0]


def test_crtc_registers_0_to_7_can_be_protected(bench: Bench) -> None:
    bench.crtc(0x00, 0x11)
    assert bench.vga.crtc[0] == 0x5F
    bench.crtc(0x07, 0xE0)
    assert bench.vga.crtc[7] == 0x0F  # only line compare's bit 8 went through
    bench.crtc(0x11, 0x0E)
    bench.crtc(0x00, 0x11)
    assert bench.vga.crtc[0] == 0x11


def test_monochrome_ports_answer_when_chosen(bench: Bench) -> None:
    bench.write(0x3B4, 0x0F)
    assert bench.read(0x3B4) == 0xFF
    bench.write(0x3C2, 0x66)
    bench.write(0x3B4, 0x0F)
    bench.write(0x3B5, 0x22)
    assert (bench.read(0x3B4), bench.read(0x3B5)) == (0x0F, 0x22)
    assert bench.read(0x3D4) == 0xFF


def test_registers_that_do_not_exist(bench: Bench) -> None:
    bench.crtc(0x3A, 5)
    assert bench.read(0x3D5) == 0xFF
    bench.write(0x3CD, 1)
    assert bench.read(0x3CD) == 0xFF


def test_reset_brings_mode_3_back_and_keeps_the_text(bench: Bench) -> None:
    bench.put(0, 0, b"x")
    bench.crtc(0x0D, 80)
    bench.vga.reset()
    assert bench.vga.text() == "x"
