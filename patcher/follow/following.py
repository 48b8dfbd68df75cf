# SPDX-License-Identifier: GPL-2.0-or-later
"""`follow`: rounds of following until nothing contradicts, then the code that only evidence points to."""

from collections.abc import Iterator
from typing import Final

from patcher.auditing.model import Tier
from patcher.binary.model import Binary, Origin
from patcher.follow.candidates import try_named
from patcher.follow.explorer import Explorer
from patcher.follow.gaps import try_gaps
from patcher.follow.knowledge import Knowledge
from patcher.follow.lane import LARGE
from patcher.follow.model import Budget, Flow, ProblemKind, Site
from patcher.follow.remains import coverage, everything, remains
from patcher.follow.settle import settle
from patcher.follow.space import Space
from patcher.follow.standing import Standing

_ROUNDS: Final = ((1 << 17, 10), (LARGE, 4))
"""Up to so many bytes of code, so many rounds; above, two."""

_PIECE: Final = 1 << 16

Lengths = dict[tuple[int, int], bytearray]


def follow(binary: Binary, budget: Budget) -> Flow:
    """Recover the control flow of a binary."""
    space = Space(binary)
    knowledge = Knowledge(binary, space)
    explorer = _rounds(binary, space, knowledge, budget)
    lengths = {place: lane.without_marks() for place, lane in space.lanes.items()}
    left, data = (remains(space), 0) if explorer.spent else try_gaps(explorer)
    explorer.calls.drop_returns()
    explorer.end()
    likely = _likely(space, lengths)
    sites = _sites(explorer, lengths)
    if budget.everything:
        sites.extend(_everything(explorer, sites))
    if explorer.spent:
        knowledge.problem(0, binary.mode, ProblemKind.BUDGET, "the limit was reached before the end")
    return Flow(
        tuple(sorted(sites, key=lambda site: (site.address, site.mode))), lengths, likely, left.padding, left.gaps,
        tuple(sorted(knowledge.jump_tables.values())), tuple(sorted(knowledge.problems.values())),
        coverage(space, left, data), tuple(sorted(explorer.dropped)),
    )  # fmt: skip


def _rounds(binary: Binary, space: Space, knowledge: Knowledge, budget: Budget) -> Explorer:
    """Follow, and follow anew without what turned out to be no code, until nothing changes."""
    explorer, before = Explorer(binary, space, knowledge, budget), None
    left = next((rounds for limit, rounds in _ROUNDS if knowledge.size <= limit), 2) - 1
    while _round(explorer) and not explorer.spent and left:
        before = Standing(explorer)
        explorer.end()
        space.forget()
        knowledge.problems = {}
        explorer = Explorer(binary, space, knowledge, budget)
        left -= 1
    if explorer.spent and before is not None and before.replaces(explorer):
        before.restore(explorer)
    return explorer


def _round(x: Explorer) -> bool:
    """One round; True when something turned out to be no code."""
    x.explore([x.edge(entry) for entry in x.binary.entries if entry.origin is not Origin.RELOCATION])
    changed = x.knowledge.size <= LARGE and settle(x)
    if not (x.spent or changed or x.dirty):
        try_named(x)
        changed = settle(x)
    return changed or x.dirty


def _everything(x: Explorer, sites: list[Site]) -> Iterator[Site]:
    """All other sensitive encodings, until the limit is reached."""
    for site in everything(x.space, {site.address for site in sites}):
        if x.over():
            return
        yield site


def _likely(space: Space, confirmed: Lengths) -> Lengths:
    """What was followed since `confirmed` was taken."""
    likely = {}
    for place, lane in space.lanes.items():
        likely[place] = lane.without_marks()
        if place in confirmed:
            _take_away(likely[place], confirmed[place])
    return likely


def _take_away(lengths: bytearray, others: bytearray) -> None:
    """Leave the lengths that are not in `others`, all of which `lengths` holds too; by pieces, to save memory."""
    for start in range(0, len(lengths), _PIECE):
        one, other = lengths[start : start + _PIECE], others[start : start + _PIECE]
        added = int.from_bytes(one, "little") ^ int.from_bytes(other, "little")
        lengths[start : start + _PIECE] = added.to_bytes(len(one), "little")


def _sites(x: Explorer, confirmed: Lengths) -> list[Site]:
    """The sensitive instructions that were followed."""
    found = {}
    for key, owner, narrow in x.sites:
        address, bits = key >> 7, key & 127
        lane = x.space.lane(address, bits)
        length = lane.lengths[address - lane.base] if lane is not None else 0
        if lane is None or not 0 < length < 16:
            continue
        known = confirmed.get((lane.index, bits))
        if known is not None and known[address - lane.base]:
            origin = x.origins.get(owner, Origin.RELOCATION)
            found[key] = Site(address, bits, length, Tier.CONFIRMED, origin, narrow)
        else:
            found[key] = Site(address, bits, length, Tier.LIKELY, None, narrow)
    return list(found.values())
