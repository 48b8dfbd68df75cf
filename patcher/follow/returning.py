# SPDX-License-Identifier: GPL-2.0-or-later
"""Which functions return: what is behind a call is followed as soon as its callee is seen to return.

A function is named by the key of its first instruction. Paths that join others' code return when those do.
"""

from patcher.follow.edges import Edge
from patcher.follow.owners import Owners
from patcher.follow.space import Space
from patcher.follow.trial import Trial


class Returning:
    """The functions that are known to return, and who waits for the others."""

    def __init__(self, space: Space, work: list[Edge]) -> None:
        self._work = work
        self.owners = Owners(space)
        self.known: set[int] = set()
        self.waiting: dict[int, list[Edge]] = {}
        self.depends: dict[int, list[int]] = {}
        self.trial: Trial | None = None

    def wait(self, callee: int, edge: Edge) -> None:
        """Follow an edge when the callee is seen to return."""
        waiting = self.waiting if self.trial is None else self.trial.waiting
        waiting.setdefault(callee, []).append(edge)

    def join(self, owner: int, address: int, bits: int) -> None:
        """A path of a function goes on in code that is followed already: it returns if that does."""
        if owner in self.known:
            return
        other = self.owners.at(address, bits)
        if other is None or other in self.known:
            self.returns(owner)
        elif other != owner:
            depends = self.depends if self.trial is None else self.trial.depends
            depends.setdefault(other, []).append(owner)

    def returns(self, owner: int) -> None:
        """A function is seen to return: so do the calls of it, and who jumps to it."""
        found = [owner]
        while found:
            owner = found.pop()
            if owner in self.known:
                continue
            self.known.add(owner)
            if self.trial is None:
                self._work.extend(self.waiting.pop(owner, ()))
                found.extend(self.depends.pop(owner, ()))
            else:
                self.trial.returning.append(owner)
                self._work.extend(self.trial.waiting.pop(owner, ()))
                found.extend(self.trial.depends.pop(owner, ()))

    def accept(self, trial: Trial) -> None:
        """What a trial found holds."""
        self.trial = None
        for key, edges in trial.waiting.items():
            self.waiting.setdefault(key, []).extend(edges)
        for key, owners in trial.depends.items():
            self.depends.setdefault(key, []).extend(owners)
        for owner in trial.returning:
            self._work.extend(self.waiting.pop(owner, ()))
            for other in self.depends.pop(owner, ()):
                self.returns(other)

    def forget(self, trial: Trial) -> None:
        """What a trial found does not hold."""
        self.trial = None
        self.known.difference_update(trial.returning)
        self.owners.forget(trial.keys)
