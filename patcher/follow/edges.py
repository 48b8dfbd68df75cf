# SPDX-License-Identifier: GPL-2.0-or-later
"""How following came to an address: the edges of the path, and how weak they are."""

from enum import IntEnum
from typing import Final

from patcher.follow.modes import Processor


class Via(IntEnum):
    """What kind of step leads to an address."""

    ENTRY = 0
    CALL = 1
    JUMP = 2
    TAKEN = 3  # a conditional branch, taken
    RETURN = 4  # behind a call
    TABLE = 5  # an entry of a jump table
    EVENT = 6  # behind a trap, a halt or a system call
    POINTER = 7  # its address was seen
    COPY = 8  # what runs in place of the source once the program rewrote it


WEAK: Final = frozenset((Via.TAKEN, Via.RETURN, Via.TABLE, Via.EVENT, Via.POINTER, Via.COPY))
"""Steps that may never be made; only the others prove that what comes behind them runs too."""

Edge = tuple[int, int, Via, int, int, Processor]
"""Where to: address and bits; how; from which instruction; in which function (a key); in what state."""


def parent_of(source: int, via: Via) -> int:
    """The step from an instruction in one number."""
    return source << 4 | via


def step_of(parent: int) -> tuple[int, Via]:
    """Instruction and kind of a step that `parent_of` made."""
    return parent >> 4, Via(parent & 15)


def key_of(address: int, bits: int) -> int:
    """Address and mode in one number."""
    return address << 7 | bits


def split(key: int) -> tuple[int, int]:
    """Address and mode of a key."""
    return key >> 7, key & 127
