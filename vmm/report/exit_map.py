# SPDX-License-Identifier: GPL-2.0-or-later
"""The exit map: where in the guest's linear space the exits came from, as a picture of text.

A line is a 4 KiB page with exits, a column 64 bytes of it. The denser the sign, the more exits: a logarithmic
scale, so that one hot loop does not hide the rest.
"""

from collections import defaultdict
from collections.abc import Mapping

PAGE = 4096
COLUMN = 64
#: From one exit to the greatest count of any column.
SHADES = ".:-=+*#%@"
TOP = 20


def exit_map(exits_by_address: Mapping[int, int]) -> str:
    """The picture and, under it, the hottest addresses; ends in a newline."""
    if not exits_by_address:
        return "no exits were recorded\n"
    total = sum(exits_by_address.values())
    pages = _pages(exits_by_address)
    greatest = max(count for columns in pages.values() for count in columns)
    head = f"{total:,} exits on {len(pages):,} guest pages (linear addresses; a column is {COLUMN} bytes)\n"
    picture = "".join(_page_line(page, pages[page], greatest, total) for page in sorted(pages))
    return head + picture + _legend(greatest) + _hottest(exits_by_address, total)


def _pages(exits_by_address: Mapping[int, int]) -> dict[int, list[int]]:
    """Page base -> exits in each of its columns."""
    pages: dict[int, list[int]] = defaultdict(lambda: [0] * (PAGE // COLUMN))
    for address, count in exits_by_address.items():
        pages[address & -PAGE][address % PAGE // COLUMN] += count
    return pages


def _page_line(page: int, columns: list[int], greatest: int, total: int) -> str:
    picture = "".join(shade(count, greatest) for count in columns)
    count = sum(columns)
    return f"{page:08x} |{picture}| {count:>11,} {100 * count / total:5.1f} %\n"


def shade(count: int, greatest: int) -> str:
    """The sign for `count` exits where the densest column has `greatest`: a logarithmic scale."""
    if count == 0:
        return " "
    span = max(greatest.bit_length() - 1, 1)
    return SHADES[(count.bit_length() - 1) * (len(SHADES) - 1) // span]


def _legend(greatest: int) -> str:
    return f"{'':8}  '{SHADES[0]}' is 1 exit, '{shade(greatest, greatest)}' is about {greatest:,}\n"


def _hottest(exits_by_address: Mapping[int, int], total: int) -> str:
    ordered = sorted(exits_by_address.items(), key=lambda item: (-item[1], item[0]))[:TOP]
    lines = (f"  {address:08x} {count:>11,} {100 * count / total:5.1f} %\n" for address, count in ordered)
    return "hottest addresses\n" + "".join(lines)
