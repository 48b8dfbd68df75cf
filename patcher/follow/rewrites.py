# SPDX-License-Identifier: GPL-2.0-or-later
"""Code that a program rewrites by its tables: where control goes when what is there now is not what runs.

What is copied over a place is code of its own, which ends at its length whatever lies behind it: control then comes to
the end of that place, as the rest of it becomes no-ops. A jump inside it moves with it; one out of it keeps its
target (Linux, arch/x86/kernel/alternative.c, apply_alternatives() and recompute_jump()). What arrives in the middle
of a rewritten place finds the middle of what was copied there.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from patcher.binary.model import Binary, Rewritten
from patcher.intervals import Intervals

_BLOCK: Final = 5
"""Addresses are looked up by blocks of 32 bytes."""
_MOST: Final = 64
"""Of more rewrites that begin in one block, or are copied from one, the rest is not followed; no table has so many."""


class Rewrites:
    """The rewritten places of one binary. `borders` are the ends of what is copied; `places` what can be followed."""

    def __init__(self, binary: Binary) -> None:
        told = list(_few(one for one in binary.rewritten if one.size or one.leads))
        self._over = Intervals((one.start, one.end, one) for one in told if not _is_jump(one))
        self.places = [one for one in told if not any(self._over.touching(one.source, one.source + one.size))]
        copied = [one for one in self.places if one.size]
        self._pieces = Intervals((one.source, one.source + one.size, one) for one in copied)
        self.borders = frozenset(one.source + one.size for one in copied)
        self._blocks = frozenset(_blocks(self.places, self.borders))

    def is_near(self, address: int) -> bool:
        """May arriving at this address mean more than going on there?"""
        return address >> _BLOCK in self._blocks

    def ended(self, address: int, source: int) -> list[Rewritten]:
        """The places behind which control comes that goes from `source`, in what is copied there, to its end."""
        pieces = self._pieces.touching(source, source + 1)
        return [one for one in pieces if one.source + one.size == address]

    def entered(self, address: int, source: int) -> list[Rewritten]:
        """The places into the middle of which control comes that goes from `source` to `address`."""
        over = self._over.touching(address, address + 1)
        return [one for one in over if one.start < address and not one.start <= source < one.end]


def _few(rewritten: Iterator[Rewritten]) -> Iterator[Rewritten]:
    starts, sources = Counter[int](), Counter[int]()
    for one in rewritten:
        place, source = one.start >> _BLOCK, one.source >> _BLOCK
        starts[place] += 1
        sources[source] += one.size > 0
        if starts[place] <= _MOST and sources[source] <= _MOST:
            yield one


def _is_jump(one: Rewritten) -> bool:
    """Does it become one jump or no-op, which has no middle?"""
    return not one.size and one.leads != (one.end,)


def _blocks(places: list[Rewritten], borders: frozenset[int]) -> Iterator[int]:
    yield from (address >> _BLOCK for address in borders)
    for one in places:
        yield from range(one.start + 1 >> _BLOCK, (one.end - 1 >> _BLOCK) + 1)
