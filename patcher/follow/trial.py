# SPDX-License-Identifier: GPL-2.0-or-later
"""What is followed on trial: taken back as a whole when its beginning leads to what is no code."""

from typing import Final

from patcher.follow import overlaps
from patcher.follow.edges import Edge
from patcher.follow.runs import undo
from patcher.follow.space import Lane

PROVED: Final = 512
"""After so many instructions without fault it is code, whatever comes."""


class Trial:
    """One trial: what was followed in it, and what was known before it."""

    def __init__(self, later: int, sites: int) -> None:
        self.failed = False
        self.later, self.sites = later, sites
        self.size = 0
        self.runs: list[tuple[Lane, int, int]] = []
        self.keys: list[int] = []
        self.returning: list[int] = []
        self.waiting: dict[int, list[Edge]] = {}
        self.depends: dict[int, list[int]] = {}

    def overlaps(self) -> bool:
        """Does it share bytes with what is followed?"""
        return any(overlaps.within(lane, start, end) for lane, start, end in self.runs)

    def undo(self) -> None:
        """Take its instructions back."""
        for lane, start, end in self.runs:
            undo(lane, start, end)
