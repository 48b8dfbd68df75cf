# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs that end in what is no code: how much of the path to them is taken back.

All behind the nearest step that may never be made (`paths.weak_point`) goes, and that step is dead for the rounds to
come. Where no step is weak, or the run is too long to be chance, it stays, and is a problem.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from patcher.follow.lane import DEAD, MARKS, Lane
from patcher.follow.model import ProblemKind
from patcher.follow.paths import is_event, weak_point
from patcher.follow.runs import steps, undo
from patcher.follow.targets import relative_target
from patcher.x86.walk import BRANCH, END, SENSITIVE, TRUNCATED, UNDECODABLE, Item

if TYPE_CHECKING:
    from patcher.follow.explorer import Explorer

QUICKLY: Final = 48
"""A run into what is no code speaks against its start only when it has no more instructions than this."""


def is_bad(x: Explorer, lane: Lane, items: list[Item]) -> bool:
    """Does a run end in what is no code?"""
    offset, length, kind = items[-1]
    if kind & END and lane.base + offset in x.space.rewrites.borders:
        return False
    if kind & TRUNCATED or (kind & END and offset >= lane.size):
        return not x.knowledge.goes_on(lane)
    if kind & UNDECODABLE:
        return True
    if kind & END:
        return lane.lengths[offset] >= MARKS and not _may_end(lane, items, offset)
    if not kind & BRANCH:
        return False
    target = relative_target(lane, offset, length)
    if target in x.space.rewrites.borders:
        return False
    if 0 <= target - lane.base < lane.size:
        return lane.lengths[target - lane.base] >= MARKS
    return not x.space.is_code(target) and not x.knowledge.may_leave(lane, items[-1], target)


def _may_end(lane: Lane, items: list[Item], offset: int) -> bool:
    """May a run end at a dead address? Behind what control need not pass."""
    if lane.lengths[offset] != DEAD or len(items) < 2:
        return lane.lengths[offset] == DEAD and len(items) < 2
    before, length, kind = items[-2]
    return before + length == offset and (bool(kind & BRANCH) or is_event(lane, before))


def take_back(x: Explorer, lane: Lane, start: int, items: list[Item]) -> list[Item]:
    """Take back the part of a bad run that need not be code; returns the items that stay."""
    end = items[-1][0] + items[-1][1]
    for index in range(len(items) - 2, -1, -1):
        offset, length, kind = items[index]
        if kind & BRANCH or (kind & SENSITIVE and is_event(lane, offset)):
            if steps(lane, offset + length, end) > QUICKLY:
                break
            _kill(x, lane, offset + length, end)
            return items[: index + 1]
    else:
        if steps(lane, start, end) <= QUICKLY and _take_back_all(x, lane, start, end):
            return []
    sentence = "the path ends in what is no code"
    x.knowledge.problem(lane.base + items[-1][0], lane.bits, ProblemKind.BAD_PATH, sentence)
    return items[:-1]


def _kill(x: Explorer, lane: Lane, start: int, end: int) -> None:
    """Forget a run from `start` on; nothing is to be followed from there."""
    undo(lane, start, end)
    if start < lane.size:
        lane.lengths[start] = DEAD
        x.drop(lane, start)
    x.space.add_dead(lane.base + start, lane.bits)


def _take_back_all(x: Explorer, lane: Lane, start: int, end: int) -> bool:
    """Take a whole run back, with what led to it; False when nothing weak did."""
    address = lane.base + start
    point = weak_point(x.space, x.parents, address, lane.bits)
    if point is None:
        return False
    _kill(x, lane, start, end)
    if point != address:
        x.space.add_dead(point, lane.bits)
        x.dirty = True
    return True


def blame(x: Explorer, source: int, bits: int, address: int) -> None:
    """What must run at `source` leads to what is no code at `address`."""
    point = weak_point(x.space, x.parents, source, bits)
    if point is not None:
        x.space.add_dead(point, bits)
        x.dirty = True
    else:
        sentence = f"it leads to {address:#x}, which is no code"
        x.knowledge.problem(source, bits, ProblemKind.BAD_PATH, sentence)
