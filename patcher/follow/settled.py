# SPDX-License-Identifier: GPL-2.0-or-later
"""Branches that constants decide, while no other way leads in between (`conditions`)."""

from patcher.follow.conditions import Settled, is_suspect
from patcher.follow.edges import Edge
from patcher.follow.space import Lane
from patcher.follow.transfers import Transfers
from patcher.x86.walk import Item

SMALL = 2_000_000
"""In more code than this no branch is settled: to know all ways into it takes memory, and nobody obfuscates so much."""


class SettledBranches:
    """The branches of one round that are settled, and every address that a second way leads to."""

    def __init__(self, size: int) -> None:
        self.used = size <= SMALL
        self.joins: set[int] = set()
        self.pairs: list[tuple[Settled, Edge]] = []
        self._last = (0, 0, 0)

    def joined(self, address: int) -> None:
        """A second way leads to an address."""
        if self.used:
            self.joins.add(address)

    def outcome(self, transfers: Transfers, lane: Lane, item: Item, target: int) -> Settled | None:
        """What settles a conditional branch; None for nearly all."""
        if not self.used:
            return None
        offset, length, _ = item
        before, self._last = self._last, (offset + length, lane.code[offset], target)
        if before == (offset, lane.code[offset] ^ 1, target) and length == 2:
            return Settled(True, frozenset((lane.base + offset,)))  # a branch and its opposite
        return transfers.outcome(lane, offset) if is_suspect(lane, offset) else None

    def open_again(self) -> list[Edge]:
        """The other sides of branches into which another way leads by now."""
        edges = [edge for settled, edge in self.pairs if not self.joins.isdisjoint(settled.window)]
        if edges:
            self.pairs = [pair for pair in self.pairs if self.joins.isdisjoint(pair[0].window)]
        return edges
