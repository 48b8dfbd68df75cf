# SPDX-License-Identifier: GPL-2.0-or-later
"""A clock for tests of deadlines that nobody waits for: it jumps far ahead after it was looked at a number of times."""

from patcher.deadline import Deadline

_FAR = 1e9


class Stopwatch:
    """Stands at 0 for `looks` looks, and far behind every deadline from then on."""

    def __init__(self, looks: float) -> None:
        self.left = looks

    def __call__(self) -> float:
        self.left -= 1
        return 0.0 if self.left >= 0 else _FAR


def ending_after(looks: float) -> Deadline:
    """A deadline that passes, wholly, when it was asked so often."""
    return Deadline(1, Stopwatch(looks + 1))  # the first look sets it
