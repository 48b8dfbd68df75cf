# SPDX-License-Identifier: GPL-2.0-or-later
"""Does an address begin an instruction of the code before it? Wherever decoding begins, it soon falls into step.

So nearly all walks that begin somewhat before the start of a real instruction come by it, and hardly any comes by a
byte in the middle of one.
"""

from typing import Final

from patcher.follow.lane import Lane

_FAR: Final = 64
_NEAR: Final = 32
"""Walks begin between so many bytes before the address, and so many."""
_LEAST: Final = 0.1


def is_out_of_step(lane: Lane, offset: int) -> bool:
    """Do nearly no walks that begin before an offset come by it? Never where no code can be before it."""
    first = offset - _FAR
    if first < 0:
        return False
    comes = bytearray(_FAR + 16)
    comes[_FAR] = 1
    for back in range(_FAR - 1, -1, -1):
        length = lane.entry(first + back) & 15
        comes[back] = comes[back + (length or 1)]
    return sum(comes[: _FAR - _NEAR]) < _LEAST * (_FAR - _NEAR)
