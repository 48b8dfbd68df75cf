# SPDX-License-Identifier: GPL-2.0-or-later
"""What is followed on trial: taken back as a whole when its beginning leads to what is no code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from patcher.follow import overlaps
from patcher.follow.blame import is_bad
from patcher.follow.data_runs import reads_as_data
from patcher.follow.edges import Edge
from patcher.follow.lane import MARKS, Lane
from patcher.follow.model import Problem
from patcher.follow.never import always_leaves
from patcher.follow.runs import undo
from patcher.follow.space import Space
from patcher.x86.walk import Item

if TYPE_CHECKING:
    from patcher.follow.explorer import Explorer

PROVED: Final = 512
"""After so many instructions without fault it is code, whatever comes."""


class Trial:
    """One trial: what was followed in it, and what was known before it. `guessed`: nothing names its start."""

    def __init__(self, later: int, sites: int, guessed: bool = False) -> None:
        self.failed, self.guessed = False, guessed
        self.later, self.sites = later, sites
        self.size = 0
        self.runs: list[tuple[Lane, int, int]] = []
        self.keys: list[int] = []
        self.returning: list[int] = []
        self.waiting: dict[int, list[Edge]] = {}
        self.depends: dict[int, list[int]] = {}
        self.problems: list[Problem] = []
        self.dropped: set[tuple[int, int]] = set()

    def overlaps(self) -> bool:
        """Does it share bytes with what is followed?"""
        return any(overlaps.within(lane, start, end) for lane, start, end in self.runs)

    def reads_anew(self, space: Space) -> bool:
        """Does it read in one mode what was followed in another? Only what is named for certain may do that."""
        return self.guessed and any(
            other is not lane and other.index == lane.index and _has_code(other, start, end)
            for lane, start, end in self.runs
            for other in space.lanes.values()
        )

    def undo(self) -> None:
        """Take its instructions back."""
        for lane, start, end in self.runs:
            undo(lane, start, end)


def _has_code(lane: Lane, start: int, end: int) -> bool:
    return any(0 < length < MARKS for length in lane.lengths[start:end])


def attempt(x: Explorer, edge: Edge, guessed: bool = False) -> bool:
    """Follow an edge on trial: what it leads to stays, or nothing of it does (then False)."""
    trial = x.trial = Trial(len(x.later), len(x.sites), guessed)
    x.returning.trial = trial
    x.explore([edge])
    if x.trial is not None:
        end_trial(x, trial)
    if not trial.failed:
        x.explore([], copies=False)
    return not trial.failed


def end_trial(x: Explorer, trial: Trial) -> None:
    """Keep what was followed on trial, or forget it."""
    trial.failed = trial.failed or x.spent or trial.overlaps() or trial.reads_anew(x.space)
    x.trial = None
    if not trial.failed:
        x.returning.accept(trial)
        _confirm(x, trial)
        return
    x.work.clear()
    del x.later[trial.later :], x.sites[trial.sites :]
    trial.undo()
    for key in trial.keys:
        x.parents.pop(key, None)
    x.returning.forget(trial)


def _confirm(x: Explorer, trial: Trial) -> None:
    """What was open on trial stays open."""
    x.dropped.update(trial.dropped)
    for problem in trial.problems:
        x.knowledge.problem(problem.address, problem.mode, problem.kind, problem.sentence)


def stands(x: Explorer, trial: Trial, lane: Lane, start: int, items: list[Item], count: int) -> bool:
    """Does a trial go on after this run? When it went on long enough it is none any more."""
    leaves = next((item for item in items if always_leaves(lane.code, item[0], lane.bits)), None)
    offset, length, _ = leaves or items[-1]
    trial.runs.append((lane, start, items[-1][0] + items[-1][1]))
    trial.size += count
    bad = leaves is None and is_bad(x, lane, items)
    if bad or (trial.guessed and reads_as_data(lane, start, offset + length)):
        trial.failed = True
        return False
    if trial.size > PROVED:
        if trial.overlaps():
            trial.failed = True
            return False
        end_trial(x, trial)
    return True
