# SPDX-License-Identifier: GPL-2.0-or-later
"""One round of following, where the program rewrites its code: what runs there instead, and where that goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from patcher.binary.model import Rewritten
from patcher.follow.edges import Edge, Via, key_of
from patcher.follow.lane import Lane
from patcher.follow.model import ProblemKind
from patcher.follow.modes import START, Processor
from patcher.x86.walk import entry_at

if TYPE_CHECKING:
    from patcher.follow.explorer import Explorer


class Rewriting:
    """The rewritten places of one round; those that no path came to yet wait."""

    def __init__(self, explorer: Explorer) -> None:
        self.x, self.rewrites = explorer, explorer.space.rewrites
        self._waiting = self.rewrites.places

    def edges(self) -> list[Edge]:
        """To what runs in place of code that is followed by now."""
        bits, edges, rest = self.x.binary.mode, list[Edge](), list[Rewritten]()
        for one in self._waiting:
            if not self.x.is_followed(one.start, bits):
                rest.append(one)
                continue
            owner = self.x.returning.owners.at(one.start, bits) or key_of(one.start, bits)
            targets = (one.source,) if one.size else one.leads
            edges += [(target, bits, Via.COPY, one.start, owner, START) for target in targets]
        self._waiting = rest
        return edges

    def leave(self, lane: Lane, end: int, owner: int, now: Processor) -> None:
        """Go on from the last instruction of what is copied, at the end of which a run came."""
        last = lane.before(end)
        if last is not None:
            self.x.work.append((lane.base + end, lane.bits, Via.JUMP, lane.base + last, owner, now))

    def arrive(self, edge: Edge) -> bool:
        """Go to what is there once the program rewrote it; is the code in the file one way to go on, too?"""
        address, bits, _, source, owner, now = edge
        for one in self.rewrites.entered(address, source):
            self._go_into(one, edge)
        ended = self.rewrites.ended(address, source)
        for one in ended:
            self._go(one.end, one, bits, owner, now)
        return not ended

    def _go_into(self, one: Rewritten, edge: Edge) -> None:
        """Come to the middle of a place: to that of what is copied there, or to the no-ops behind it."""
        address, bits, _, source, owner, now = edge
        distance = address - one.start
        if distance >= one.size:
            self._go(one.end, one, bits, owner, now)
        elif self._begins(one, distance, bits):
            self._go(one.source + distance, one, bits, owner, now)
        elif source:
            sentence = f"it leads to {address:#x}, into an instruction that the program copies there"
            self.x.problem(source, bits, ProblemKind.OVERLAP, sentence)

    def _begins(self, one: Rewritten, distance: int, bits: int) -> bool:
        """Does an instruction of what is copied begin there?"""
        lane, at = self.x.space.lane(one.source, bits), 0
        while lane is not None and at < distance:
            at += entry_at(lane.code, one.source - lane.base + at, bits) & 15 or distance + 1
        return at == distance

    def _go(self, target: int, one: Rewritten, bits: int, owner: int, now: Processor) -> None:
        if self.x.is_followed(target, bits):
            self.x.join(owner, target, bits)
        else:
            self.x.work.append((target, bits, Via.TABLE, one.start, owner, now))
