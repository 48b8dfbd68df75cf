# SPDX-License-Identifier: GPL-2.0-or-later
"""Branches that constants decide, while no other way leads in between (`conditions`)."""

from patcher.follow.conditions import Settled, is_suspect
from patcher.follow.edges import Edge
from patcher.follow.hindsight import Hindsight
from patcher.follow.lane import Lane
from patcher.x86.walk import Item

SMALL = 2_000_000
"""In more code than this no branch is settled: to know all ways into it takes memory, and nobody obfuscates so much."""


class SettledBranches:
    """The branches of one round that are settled, and every address that a second way leads to."""

    def __init__(self, size: int) -> None:
        self.used = size <= SMALL
        self._joins: set[int] = set()
        self._windows: dict[int, list[Edge]] = {}
        self._open: list[Edge] = []
        self._last = (0, 0, 0)
        self._settled_end = -1

    def joined(self, address: int) -> None:
        """A second way leads to an address."""
        if self.used:
            self._joins.add(address)
            if self._windows:
                self._open.extend(self._windows.pop(address, ()))

    def named(self, addresses: set[int]) -> bool:
        """The program names these: another way leads to each. Is a settled branch open by that?"""
        if self.used:
            self._joins.update(addresses)
            for address in self._windows.keys() & addresses:
                self._open.extend(self._windows.pop(address))
        return bool(self._open)

    def add(self, settled: Settled, other_side: Edge) -> None:
        """A branch is settled: its other side is not followed until another way leads in between."""
        if not self._joins.isdisjoint(settled.window):
            self._open.append(other_side)
        else:
            for address in settled.window:
                self._windows.setdefault(address, []).append(other_side)

    def outcome(self, hindsight: Hindsight, lane: Lane, item: Item, target: int) -> Settled | None:
        """What settles a conditional branch; None for nearly all."""
        if not self.used:
            return None
        offset, length, _ = item
        before, self._last = self._last, (offset + length, lane.code[offset], target)
        if before == (offset, lane.code[offset] ^ 1, target) and length == 2:
            return Settled(True, frozenset((lane.base + offset,)))  # a branch and its opposite
        behind_settled = self._settled_end == lane.base + offset
        found = hindsight.outcome(lane, offset) if behind_settled or is_suspect(lane, offset) else None
        if found is not None:
            self._settled_end = lane.base + offset + length
        return found

    def open_again(self) -> list[Edge]:
        """The other sides of branches into which another way leads by now."""
        edges, self._open = self._open, []
        return edges
