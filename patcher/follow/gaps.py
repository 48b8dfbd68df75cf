# SPDX-License-Identifier: GPL-2.0-or-later
"""Functions in what following left over: gaps that begin as functions do and decode to an end.

Functions lie back to back or behind padding: where one was found, the next is looked for right behind it. Between data,
what is behind a return may begin one. Besides, calls whose callee was not seen to return may return after all: what is
behind them is tried here too.
"""

import re
from collections.abc import Iterator
from typing import Final

from patcher.follow.candidates import LEAST, try_at
from patcher.follow.data_runs import Judged
from patcher.follow.explorer import Explorer
from patcher.follow.lane import MARKS, Lane
from patcher.follow.padding import PADDING
from patcher.follow.reading_modes import is_taken, lanes_of, reading
from patcher.follow.remains import Remains, narrowed, remains

BEHIND_RETURN: Final = 30.0
"""The same behind what may be a return, or any byte of that value."""
_INT3: Final = b"\xcc"
_PASSES: Final = 3
_IN_ONE_GAP: Final = 256
_BEGINNINGS: Final = re.compile(rb"(?:%b)|(?P<returns>[\xc3\xcb\xcf]|[\xc2\xca].\0)" % PADDING.pattern, re.DOTALL)
"""What ends before functions begin: padding, and returns."""
_SURE: Final = 4
"""So many bytes of padding are no chance."""
_ENDS: Final = (0xC3, 0xCB, 0xCF, 0xF4, 0x0B)
"""Last bytes of ret, lret, iret, hlt and ud2."""
_SHORT_JUMP: Final = 0xEB
_RETURN_N: Final = 0xC2
_CALL_OR_JUMP: Final = (0xE8, 0xE9)
_LONGEST_END: Final = 5


def try_gaps(x: Explorer) -> tuple[Remains, int]:
    """Follow on trial the calls' returns that were not followed, then the starts of gaps, a few times over; returns
    what is left over at the end, and how many bytes of it are data."""
    _try_returns(x)
    left = remains(x.space)
    judged = Judged(x.space, left.gaps)
    for _ in range(_PASSES):
        found = sum(_try_gap(x, judged, start, end) for start, end in left.gaps)
        if not found:
            break
        _try_returns(x)
        x.explore([])
        left = narrowed(x.space, left)
    return left, judged.count(left.gaps)


def _try_returns(x: Explorer) -> None:
    """Follow what is behind calls; behind one that never returns compilers put traps, if anything."""
    for edges in list(x.returning.waiting.values()):
        for address, bits, *_ in edges:
            lane = x.space.lane(address, bits)
            padding = None if lane is None else PADDING.match(lane.code, address - lane.base)
            if padding is None or _INT3 not in padding[0]:
                try_at(x, address, bits, 0.0)


def _try_gap(x: Explorer, judged: Judged, start: int, end: int) -> int:
    """Follow one gap on trial: from its start, from behind what ends functions, and on behind each function found."""
    found = 0
    index = x.space.section_index(start)
    for address, least in _starts(x, start, end):
        following = None if judged.deep(address) else address
        while following is not None and following < end and _try(x, index, following, least):
            found, least = found + 1, LEAST
            following = _behind(x, index, following, end)
    return found


def _try(x: Explorer, index: int, address: int, least: float) -> bool:
    """Follow one address on trial in the mode in which it looks most like code."""
    if is_taken(x.space, address) or PADDING.match(x.space.code(index), address - x.binary.sections[index].address):
        return False
    bits = reading(x.space, address, x.binary.sections[index].mode, named=False)
    return try_at(x, address, bits, least, guessed=True)


def _behind(x: Explorer, index: int, address: int, end: int) -> int | None:
    """The first byte from `address` on that no instruction covers and that is no padding; None up to `end`."""
    lanes, base = lanes_of(x.space, index), x.binary.sections[index].address
    offset, last = address - base, end - base
    while offset < last:
        length = max(_length(lane, offset) for lane in lanes)
        match = None if length else PADDING.match(lanes[0].code, offset, last)
        if match is None and not length:
            return base + offset
        offset = offset + length if match is None else match.end()
    return None


def _length(lane: Lane, offset: int) -> int:
    length = lane.lengths[offset]
    return length if length < MARKS else 0


def _starts(x: Explorer, start: int, end: int) -> Iterator[tuple[int, float]]:
    """Where in a gap functions may begin, and how much evidence they must show."""
    yield start, LEAST
    index = x.space.section_index(start)
    base, code = x.binary.sections[index].address, x.space.code(index)
    count = 0
    for match in _BEGINNINGS.finditer(code, start - base, end - base):
        returns = match.lastgroup is not None
        if returns or _is_between(code, match.start(), match.end()):
            yield base + match.end(), BEHIND_RETURN if returns else LEAST
            count += 1
            if count == _IN_ONE_GAP:
                return


def _is_between(code: bytes, start: int, end: int) -> bool:
    """Is it padding between functions: long, or up to where functions are aligned? One byte may as well be a part of a
    constant, unless what ends functions or never returns stands before it."""
    if end - start >= _SURE:
        return True
    if end % 16:
        return False
    if end - start > 1 or start < _LONGEST_END:
        return True
    before = code[start - _LONGEST_END : start]
    return (
        before[-1] in _ENDS
        or before[-2] == _SHORT_JUMP
        or before[-3] == _RETURN_N
        or before[0] in _CALL_OR_JUMP
    )
