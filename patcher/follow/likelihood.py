# SPDX-License-Identifier: GPL-2.0-or-later
"""How much a piece of code looks like what compilers and people write."""

from patcher.follow.space import Lane


def plausibility(lane: Lane, offset: int, count: int) -> float:
    """The mean over the next instructions of how common they are; unlike code below 0."""
    return 0.0
