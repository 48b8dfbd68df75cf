# SPDX-License-Identifier: GPL-2.0-or-later
"""`follow`: rounds of following until nothing contradicts, then the code that only evidence points to."""

from typing import Final

from patcher.auditing.model import Tier
from patcher.binary.model import Binary, Origin
from patcher.follow.candidates import try_named
from patcher.follow.explorer import Explorer
from patcher.follow.gaps import try_gaps
from patcher.follow.knowledge import Knowledge
from patcher.follow.model import Budget, Flow, ProblemKind, Site
from patcher.follow.remains import coverage, everything, remains
from patcher.follow.settle import settle
from patcher.follow.space import Space

LARGE: Final = 2_000_000
_ROUNDS: Final = ((1 << 17, 10), (LARGE, 4))
"""Up to so many bytes of code, so many rounds; above, two."""

Lengths = dict[tuple[int, int], bytearray]


def follow(binary: Binary, budget: Budget) -> Flow:
    """Recover the control flow of a binary."""
    space = Space(binary)
    knowledge = Knowledge(binary, space)
    explorer = _rounds(binary, space, knowledge, budget)
    lengths = {place: lane.without_marks() for place, lane in space.lanes.items()}
    left, data = (remains(space), 0) if explorer.spent else try_gaps(explorer)
    likely = _likely(space, lengths)
    sites = _sites(explorer, lengths)
    if budget.everything:
        sites.extend(everything(space, {site.address for site in sites}))
    return Flow(
        tuple(sorted(sites, key=lambda site: (site.address, site.mode))), lengths, likely, left.padding, left.gaps,
        tuple(sorted(knowledge.jump_tables.values())), tuple(sorted(knowledge.problems.values())),
        coverage(space, left, data),
    )  # fmt: skip


def _rounds(binary: Binary, space: Space, knowledge: Knowledge, budget: Budget) -> Explorer:
    """Follow, and follow anew without what turned out to be no code, until nothing changes."""
    size = knowledge.size
    for _ in range(next((rounds for limit, rounds in _ROUNDS if size <= limit), 2)):
        space.forget()
        knowledge.problems.clear()
        explorer = Explorer(binary, space, knowledge, budget)
        hard = [entry for entry in binary.entries if entry.origin is not Origin.RELOCATION]
        explorer.explore([explorer.edge(entry) for entry in hard])
        changed = size <= LARGE and settle(explorer)
        if not (explorer.spent or changed or explorer.dirty):
            try_named(explorer)
            changed = settle(explorer)
        if explorer.spent:
            sentence = "the limit was reached before the end"
            knowledge.problem(0, binary.mode, ProblemKind.BUDGET, sentence)
        if explorer.spent or not (changed or explorer.dirty):
            break
    return explorer


def _likely(space: Space, confirmed: Lengths) -> Lengths:
    """What was followed since `confirmed` was taken."""
    likely = {}
    for place, lane in space.lanes.items():
        now = lane.without_marks()
        if place in confirmed:  # what was confirmed is in both
            added = int.from_bytes(now, "little") ^ int.from_bytes(confirmed[place], "little")
            now = bytearray(added.to_bytes(len(now), "little"))
        likely[place] = now
    return likely


def _sites(x: Explorer, confirmed: Lengths) -> list[Site]:
    """The sensitive instructions that were followed."""
    found = {}
    for key, owner in x.sites:
        address, bits = key >> 7, key & 127
        lane = x.space.lane(address, bits)
        length = lane.lengths[address - lane.base] if lane is not None else 0
        if lane is None or not 0 < length < 16:
            continue
        known = confirmed.get((lane.index, bits))
        if known is not None and known[address - lane.base]:
            found[key] = Site(address, bits, length, Tier.CONFIRMED, x.origins.get(owner, Origin.RELOCATION))
        else:
            found[key] = Site(address, bits, length, Tier.LIKELY)
    return list(found.values())
