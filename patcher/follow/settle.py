# SPDX-License-Identifier: GPL-2.0-or-later
"""Settling which of two instructions that share bytes is real, once everything was followed."""

from collections.abc import Iterator
from itertools import islice
from typing import Final

from patcher.follow.edges import Via, key_of, step_of
from patcher.follow.explorer import Explorer
from patcher.follow.lane import Lane
from patcher.follow.likelihood import plausibility
from patcher.follow.model import ProblemKind
from patcher.follow.overlaps import overlaps
from patcher.follow.paths import Known, weak_point

MOST: Final = 4096
"""Of more overlaps in a section the rest stays as it is."""
_FAR: Final = 96
"""How many instructions are looked back over."""


def settle(x: Explorer) -> bool:
    """Declare dead the weaker of overlapping paths; True when there was one.

    Both are real when the same step leads to both, or when none of them hangs on a weak step.
    """
    changed = False
    for lane in list(x.space.lanes.values()):
        known: Known = {}
        for outer, inner in list(islice(overlaps(lane), MOST)):
            if x.over():
                break
            point = _loser(x, lane, outer, inner, known)
            if point is None:
                sentence = f"an instruction inside it, at {lane.base + inner:#x}, runs too"
                x.knowledge.problem(lane.base + outer, lane.bits, ProblemKind.OVERLAP, sentence)
            elif (point, lane.bits) not in x.space.dead:
                x.space.add_dead(point, lane.bits)
                changed = True
    return changed


def _loser(x: Explorer, lane: Lane, outer: int, inner: int, known: Known) -> int | None:
    """The weak step that leads to the less plausible of two instructions; None when both are real."""
    one = weak_point(x.space, x.parents, lane.base + outer, lane.bits, known=known)
    other = weak_point(x.space, x.parents, lane.base + inner, lane.bits, known=known)
    if one == other or _leads_to(x, lane, outer, inner) or _leads_to(x, lane, inner, outer):
        return None
    if one is None or other is None:
        return other if one is None else one
    if plausibility(lane, outer, 8) < plausibility(lane, inner, 8):
        return one
    return other


def _leads_to(x: Explorer, lane: Lane, one: int, other: int) -> bool:
    """Does a path through `one` lead to `other`, by a jump that must be made?"""
    parent = x.parents.get(key_of(lane.base + other, lane.bits))
    if parent is None or step_of(parent)[1] not in (Via.JUMP, Via.CALL):
        return False
    seen = {other}
    ahead = [other]
    while ahead and len(seen) < _FAR:
        offset = ahead.pop()
        for before in _predecessors(x, lane, offset):
            if before == one:
                return True
            if before not in seen:
                seen.add(before)
                ahead.append(before)
    return False


def _predecessors(x: Explorer, lane: Lane, offset: int) -> Iterator[int]:
    """Followed instructions that run right before one, in the same lane."""
    parent = x.parents.get(key_of(lane.base + offset, lane.bits))
    if parent is not None and lane.base <= step_of(parent)[0] < lane.end:
        yield step_of(parent)[0] - lane.base
    for length in range(1, min(15, offset) + 1):
        if lane.lengths[offset - length] == length:
            yield offset - length
