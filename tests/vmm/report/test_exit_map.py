# SPDX-License-Identifier: GPL-2.0-or-later
"""The exit map: every exit is in the picture, at its place, and the scale is monotonic."""

from hypothesis import given
from hypothesis import strategies as st

from vmm.report.exit_map import SHADES, exit_map, shade

PICTURE = """\
1,101 exits on 2 guest pages (linear addresses; a column is 64 bytes)
00101000 |@                                                              .|       1,001  90.9 %
c0000000 | *                                                              |         100   9.1 %
          '.' is 1 exit, '@' is about 1,000
hottest addresses
  00101004       1,000  90.8 %
  c0000040         100   9.1 %
  00101fff           1   0.1 %
"""


def test_the_picture_is_as_drawn_here() -> None:
    assert exit_map({0x101004: 1000, 0x101FFF: 1, 0xC0000040: 100}) == PICTURE


def test_a_run_without_exits_says_so() -> None:
    assert exit_map({}) == "no exits were recorded\n"


@given(st.integers(1, 10**9), st.integers(1, 10**9))
def test_more_exits_are_never_drawn_thinner(one: int, other: int) -> None:
    less, greatest = sorted((one, other))
    assert SHADES.index(shade(less, greatest)) <= SHADES.index(shade(greatest, greatest))
    assert shade(0, greatest) == " "


@given(st.dictionaries(st.integers(0, 0xFFFFFFFF), st.integers(1, 10**6), min_size=1, max_size=30))
def test_every_page_with_exits_has_a_line(exits: dict[int, int]) -> None:
    lines = exit_map(exits).splitlines()
    drawn = [int(line[:8], 16) for line in lines if " |" in line]
    assert drawn == sorted({address & ~0xFFF for address in exits})
