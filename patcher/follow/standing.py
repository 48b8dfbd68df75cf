# SPDX-License-Identifier: GPL-2.0-or-later
"""What a round of following found, kept for the case that the limit cuts the next one short."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from patcher.follow.explorer import Explorer


class Standing:
    """The findings of a finished round; of its paths, which take most of the memory, nothing is kept."""

    def __init__(self, x: Explorer) -> None:
        self._lanes, self._followed = x.space.lanes, x.space.followed()
        self._sites, self._origins, self._dropped = x.sites, x.origins, x.dropped
        self._problems = dict(x.knowledge.problems)

    def replaces(self, cut: Explorer) -> bool:
        """Did this round follow more than one that was cut short?"""
        return self._followed > cut.space.followed()

    def restore(self, cut: Explorer) -> None:
        """Put what this round found in the place of what the cut one did."""
        cut.space.lanes = self._lanes
        cut.sites, cut.origins, cut.dropped = self._sites, self._origins, self._dropped
        cut.knowledge.problems = self._problems
