# SPDX-License-Identifier: GPL-2.0-or-later
"""For which function an instruction was followed: its run's, found behind whatever lies between."""

import pytest

from patcher.binary.model import Binary, Privilege, Section
from patcher.follow.edges import key_of
from patcher.follow.lane import Lane
from patcher.follow.owners import Owners
from patcher.follow.space import Space

BASE, ONE, TWO = 0x1000, 7, 8


@pytest.fixture
def space() -> Space:
    section = Section(".text", BASE, memoryview(bytes(64)), 64, True, False, 32, 0)
    return Space(Binary("", "test", 32, Privilege.USER, (section,), ()))


def lane_of(space: Space, **lengths: int) -> Lane:
    """The lane, with instructions of these lengths at these offsets ("at_8" is offset 8)."""
    lane = space.lane(BASE, 32)
    assert lane is not None
    for name, length in lengths.items():
        lane.lengths[int(name.removeprefix("at_"))] = length
    return lane


def owned(space: Space, lane: Lane, *runs: tuple[int, int]) -> Owners:
    owners = Owners(space)
    for offset, owner in runs:
        owners.add(lane, offset, key_of(BASE + offset, 32), owner)
    return owners


def test_the_nearest_run_that_leads_to_an_address_tells(space: Space) -> None:
    lane = lane_of(space, at_0=3, at_3=2, at_5=4, at_9=1)
    owners = owned(space, lane, (0, ONE), (5, TWO))
    assert [owners.at(BASE + offset, 32) for offset in (0, 3, 5, 9)] == [ONE, ONE, TWO, TWO]
    assert owners.first(key_of(BASE + 5, 32)) == TWO
    assert owners.first(key_of(BASE + 3, 32)) is None


def test_nothing_is_told_across_a_hole(space: Space) -> None:
    lane = lane_of(space, at_0=3, at_5=4)
    assert owned(space, lane, (0, ONE)).at(BASE + 9, 32) is None
    assert owned(space, lane, (0, ONE)).at(BASE + 3, 32) == ONE


def test_a_run_inside_others_instructions_is_passed_over(space: Space) -> None:
    """The run that starts at 4 lies inside the instruction at 3, and leads to 8 past the end of that."""
    lane = lane_of(space, at_0=3, at_3=3, at_4=4, at_6=1, at_7=3)
    owners = owned(space, lane, (0, ONE), (4, TWO))
    assert owners.at(BASE + 7, 32) == ONE
    assert owners.at(BASE + 8, 32) == TWO


def test_what_is_forgotten_owns_nothing(space: Space) -> None:
    lane = lane_of(space, at_0=3, at_3=2)
    owners = owned(space, lane, (0, ONE), (3, TWO))
    owners.forget([key_of(BASE + 3, 32)])
    assert owners.at(BASE + 5, 32) == ONE


def test_another_mode_has_its_own_runs(space: Space) -> None:
    lane = lane_of(space, at_0=3)
    owners = owned(space, lane, (0, ONE))
    assert owners.at(BASE, 16) is None
