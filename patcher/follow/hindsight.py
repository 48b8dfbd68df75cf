# SPDX-License-Identifier: GPL-2.0-or-later
"""Looking back from an instruction: what registers, stack and flags hold before it, as far as its path tells."""

from collections.abc import Container

from patcher.follow import tail_calls
from patcher.follow.conditions import Settled, settle_branch
from patcher.follow.evaluate import Step, evaluate
from patcher.follow.lane import Lane
from patcher.follow.modes import instruction
from patcher.follow.paths import Parents, path_to
from patcher.follow.space import Space
from patcher.follow.state import State


class Hindsight:
    """What the followed paths of one round tell."""

    def __init__(self, space: Space, parents: Parents) -> None:
        self._space, self._parents = space, parents
        self._beginnings = tail_calls.beginnings(space.binary)

    def state(self, lane: Lane, offset: int, limit: int) -> tuple[State, list[Step]]:
        """What is known before the instruction at an offset, and the path that tells."""
        path = path_to(self._space, self._parents, lane.base + offset, lane.bits, limit)
        return self._evaluated(path, lane.bits), path

    def _evaluated(self, path: list[Step], bits: int) -> State:
        """The state at the end of a path, which every round of following asks for again."""
        known = self._space.states
        if known is None:
            return evaluate(path, bits, self._space.constant)
        key = bits, *((at, taken) for at, _, taken in path)
        state = known.get(key)
        if state is None:
            state = known[key] = evaluate(path, bits, self._space.constant)
        return state

    def before_tail_call(self, lane: Lane, offset: int, called: Container[int]) -> State | None:
        """What is known before a jump that leaves its function with the caller's stack; None for other jumps."""
        path = tail_calls.path_from_start(self._space, self._parents, lane.base + offset, lane.bits, called)
        first = lane.base + offset if not path else path[0][0]
        if path is None or first in self._beginnings or tail_calls.depth(path, lane.bits >> 3) != 0:
            return None
        return evaluate(path, lane.bits, self._space.constant)

    def outcome(self, lane: Lane, offset: int) -> Settled | None:
        """Is the conditional branch at an offset taken, as far as the few instructions before it tell?"""
        branch = instruction(lane, offset)
        path = path_to(self._space, self._parents, lane.base + offset, lane.bits, 6)
        if branch is None:
            return None
        return settle_branch(path, branch, lane.base + offset, lane.bits, self._space.constant)
