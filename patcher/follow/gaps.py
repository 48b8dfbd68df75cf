# SPDX-License-Identifier: GPL-2.0-or-later
"""Functions in what following left over: gaps that begin as functions do and decode to an end.

Besides, calls whose callee was not seen to return may return after all: what is behind them is tried here too.
"""

from collections.abc import Iterator
from typing import Final

from patcher.follow.candidates import try_at
from patcher.follow.explorer import Explorer
from patcher.follow.padding import PADDING
from patcher.follow.remains import Remains, narrowed, remains

LEAST: Final = 6.0
"""Bits of evidence that an unnamed start must show."""
_PASSES: Final = 3
_IN_ONE_GAP: Final = 64


def try_gaps(x: Explorer) -> Remains:
    """Follow on trial the calls' returns that were not followed, then the starts of gaps, a few times over; returns
    what is left over at the end."""
    for edges in list(x.returning.waiting.values()):
        for address, bits, *_ in edges:
            try_at(x, address, bits, 0.0)
    left = remains(x.space)
    for _ in range(_PASSES):
        found = sum(_try_gap(x, start, end) for start, end in left.gaps)
        if not found:
            break
        left = narrowed(x.space, left)
    return left


def _try_gap(x: Explorer, start: int, end: int) -> int:
    """Follow one gap on trial, from its start and from behind every padding in it."""
    found = 0
    for address in _starts(x, start, end):
        found += try_at(x, address, _bits(x, start), LEAST)
    return found


def _bits(x: Explorer, address: int) -> int:
    index = x.space.section_index(address)
    return x.binary.sections[index].mode


def _starts(x: Explorer, start: int, end: int) -> Iterator[int]:
    yield start
    index = x.space.section_index(start)
    base, code = x.binary.sections[index].address, x.space.code(index)
    count = 0
    for match in PADDING.finditer(code, start - base, end - base):
        if match.end() % 16 == 0 or len(match[0]) >= 4:
            yield base + match.end()
            count += 1
            if count == _IN_ONE_GAP:
                return
