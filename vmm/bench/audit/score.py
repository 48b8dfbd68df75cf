# SPDX-License-Identifier: GPL-2.0-or-later
"""Precision and recall: what was claimed, held against what the assembler said."""

from collections.abc import Iterable, Set
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Score:
    """Counts of places: `right` were claimed and are there, out of `claimed` and of `true`."""

    right: int = 0
    claimed: int = 0
    true: int = 0

    def __add__(self, other: "Score") -> "Score":
        return Score(self.right + other.right, self.claimed + other.claimed, self.true + other.true)

    @property
    def precision(self) -> float | None:
        """Share of the claims that is right; None when nothing was claimed."""
        return self.right / self.claimed if self.claimed else None

    @property
    def recall(self) -> float | None:
        """Share of the true places that was claimed; None when there are none."""
        return self.right / self.true if self.true else None


def score(claimed: Set[int], true: Set[int], neutral: Set[int] = frozenset()) -> Score:
    """Hold claimed places against true ones; what is claimed inside `neutral` and is not true counts for nothing."""
    counted = claimed - (neutral - true)
    return Score(len(counted & true), len(counted), len(true))


def total(scores: Iterable[Score]) -> Score:
    """The scores of many files as one: places are counted, not files."""
    return sum(scores, Score())
