# SPDX-License-Identifier: GPL-2.0-or-later
"""`follow`: rounds of following until nothing contradicts, then the code that only evidence points to."""

from typing import Final

from patcher.auditing.model import Coverage, Tier
from patcher.binary.model import Binary, Origin
from patcher.follow.explorer import Explorer
from patcher.follow.knowledge import Knowledge
from patcher.follow.model import Budget, Flow, ProblemKind, Site
from patcher.follow.settle import settle
from patcher.follow.space import Space

MOST_ROUNDS: Final = 12
LARGE: Final = 2_000_000
ROUNDS_WHEN_LARGE: Final = 3


def follow(binary: Binary, budget: Budget) -> Flow:
    """Recover the control flow of a binary."""
    space = Space(binary)
    knowledge = Knowledge(binary, space)
    explorer = _rounds(binary, space, knowledge, budget)
    sites = sorted(
        (
            Site(key >> 7, key & 127, lane.lengths[(key >> 7) - lane.base], Tier.CONFIRMED)
            for key in set(explorer.sites)
            if (lane := space.lane(key >> 7, key & 127)) is not None
            and 0 < lane.lengths[(key >> 7) - lane.base] < 16
        ),
        key=lambda site: site.address,
    )
    lengths = {place: lane.without_marks() for place, lane in space.lanes.items()}
    return Flow(
        tuple(sites), lengths, {}, (), (), tuple(sorted(knowledge.jump_tables.values())),
        tuple(sorted(knowledge.problems.values())), Coverage(0, 0, 0, 0),
    )  # fmt: skip


def _rounds(binary: Binary, space: Space, knowledge: Knowledge, budget: Budget) -> Explorer:
    """Follow, and follow anew without what turned out to be no code, until nothing changes."""
    size = sum(len(section.data) for section in binary.sections if section.executable)
    for _ in range(ROUNDS_WHEN_LARGE if size > LARGE else MOST_ROUNDS):
        space.forget()
        knowledge.problems.clear()
        explorer = Explorer(binary, space, knowledge, budget)
        hard = [entry for entry in binary.entries if entry.origin is not Origin.RELOCATION]
        explorer.explore([explorer.edge(entry) for entry in hard])
        if explorer.spent:
            knowledge.problem(0, binary.mode, ProblemKind.BUDGET, "the limit was reached before the end")
            break
        changed = settle(explorer)
        if not (changed or explorer.dirty):
            break
    return explorer
