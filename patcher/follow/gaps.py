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
_SURE: Final = 4
"""So many bytes of padding are no chance."""
_ENDS: Final = (0xC3, 0xCB, 0xCF, 0xF4, 0x0B)
"""Last bytes of ret, lret, iret, hlt and ud2."""
_SHORT_JUMP: Final = 0xEB
_RETURN_N: Final = 0xC2
_CALL_OR_JUMP: Final = (0xE8, 0xE9)
_LONGEST_END: Final = 5
_INT3: Final = 0xCC


def try_gaps(x: Explorer) -> Remains:
    """Follow on trial the calls' returns that were not followed, then the starts of gaps, a few times over; returns
    what is left over at the end."""
    for edges in list(x.returning.waiting.values()):
        for address, bits, *_ in edges:
            if not _is_fill(x, address):
                try_at(x, address, bits, 0.0)
    left = remains(x.space)
    for _ in range(_PASSES):
        found = sum(_try_gap(x, start, end) for start, end in left.gaps)
        if not found:
            break
        left = narrowed(x.space, left)
    return left


def _is_fill(x: Explorer, address: int) -> bool:
    """Do traps that only align stand behind a call?"""
    index = x.space.section_index(address)
    match = (
        PADDING.match(x.space.code(index), address - x.binary.sections[index].address) if index >= 0 else None
    )
    return match is not None and _INT3 in match[0]


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
        if len(match[0]) >= _SURE or (
            match.end() % 16 == 0 and _is_between(code, match.start(), match.end())
        ):
            yield base + match.end()
            count += 1
            if count == _IN_ONE_GAP:
                return


def _is_between(code: bytes, start: int, end: int) -> bool:
    """Is it padding between functions? One byte may as well be a part of a constant, unless what ends functions or
    never returns stands before it."""
    if end - start > 1 or start < _LONGEST_END:
        return True
    before = code[start - _LONGEST_END : start]
    return (
        before[-1] in _ENDS
        or before[-2] == _SHORT_JUMP
        or before[-3] == _RETURN_N
        or before[0] in _CALL_OR_JUMP
    )
