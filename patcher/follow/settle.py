# SPDX-License-Identifier: GPL-2.0-or-later
"""Settling which of two instructions that share bytes is real, once everything was followed."""

from patcher.follow.explorer import Explorer
from patcher.follow.likelihood import plausibility
from patcher.follow.model import ProblemKind
from patcher.follow.overlaps import overlaps
from patcher.follow.paths import weak_point
from patcher.follow.space import Lane


def settle(x: Explorer) -> bool:
    """Declare dead the weaker of overlapping paths; True when there was one.

    Both are real when the same step leads to both, or when none of them hangs on a weak step.
    """
    changed = False
    for lane in list(x.space.lanes.values()):
        for outer, inner in list(overlaps(lane)):
            point = _loser(x, lane, outer, inner)
            if point is None:
                sentence = f"an instruction inside it, at {lane.base + inner:#x}, runs too"
                x.knowledge.problem(lane.base + outer, lane.bits, ProblemKind.OVERLAP, sentence)
            elif (point, lane.bits) not in x.space.dead:
                x.space.add_dead(point, lane.bits)
                changed = True
    return changed


def _loser(x: Explorer, lane: Lane, outer: int, inner: int) -> int | None:
    """The weak step that leads to the less plausible of two instructions; None when both are real."""
    one = weak_point(x.space, x.parents, lane.base + outer, lane.bits)
    other = weak_point(x.space, x.parents, lane.base + inner, lane.bits)
    if one == other:
        return None
    if one is None or other is None:
        return other if one is None else one
    if plausibility(lane, outer, 8) < plausibility(lane, inner, 8):
        return one
    return other
