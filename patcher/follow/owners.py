# SPDX-License-Identifier: GPL-2.0-or-later
"""For which function an instruction was followed: that of the nearest run before it which leads up to it.

A long function is joined from many places in it; its start is found with one search, not by a walk back.
"""

import re
from typing import Final

from patcher.follow.edges import key_of
from patcher.follow.lane import Lane
from patcher.follow.space import Space

_FAR: Final = 4096
"""How many instructions are looked back over."""
_FAR_BYTES: Final = 15 * _FAR
_TILES: Final = re.compile(
    b"(?:"
    + b"|".join(re.escape(bytes([n])) + b"[^\\x01-\\x0f]{%d}" % (n - 1) for n in range(1, 16))
    + b")*+",
    re.DOTALL,
)
"""Lengths of instructions that stand one behind the other, and share no bytes."""


class Owners:
    """The functions for which the runs of one round were followed, by where a run starts."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self._owners: dict[int, int] = {}
        self._starts: dict[tuple[int, int], bytearray] = {}
        """By section and mode: 1 for each byte at which a run starts."""

    def first(self, key: int) -> int | None:
        """The function for which a run that starts at this key was followed first; None when none starts there."""
        return self._owners.get(key)

    def add(self, lane: Lane, offset: int, key: int, owner: int) -> None:
        """A run that starts here, at an address of this key, was followed for a function."""
        self._owners[key] = owner
        place = lane.index, lane.bits
        starts = self._starts.get(place)
        if starts is None:
            starts = self._starts[place] = bytearray(lane.size)
        starts[offset] = 1

    def forget(self, keys: list[int]) -> None:
        """The runs that start there were none."""
        for key in keys:
            self._owners.pop(key, None)
            lane = self._space.lane(key >> 7, key & 127)
            if lane is not None and (lane.index, lane.bits) in self._starts:
                self._starts[lane.index, lane.bits][(key >> 7) - lane.base] = 0

    def at(self, address: int, bits: int) -> int | None:
        """The function for which an address was followed first; None when its run is not found."""
        lane = self._space.lane(address, bits)
        starts = None if lane is None else self._starts.get((lane.index, bits))
        if lane is None or starts is None:
            return self._owners.get(key_of(address, bits))
        end = address - lane.base
        start = starts.rfind(1, max(end - _FAR_BYTES, 0), end + 1)
        if start < 0:
            return None
        tiled = _TILES.fullmatch(lane.lengths, start, end)
        return self._owners[key_of(lane.base + start, bits)] if tiled else self._walk(lane, end)

    def _walk(self, lane: Lane, offset: int) -> int | None:
        """The same where instructions share bytes: from one to the one before it."""
        for _ in range(_FAR):
            owner = self._owners.get(key_of(lane.base + offset, lane.bits))
            if owner is not None:
                return owner
            before = lane.before(offset)
            if before is None:
                return None
            offset = before
        return None
