# SPDX-License-Identifier: GPL-2.0-or-later
"""Following: from the entries along every edge, one run of instructions after the other.

A call's return is followed when its callee is seen to return. A run that ends in what is no code is taken
back to the nearest step that may never be made (`paths.weak_point`), which is then dead.
"""

from time import monotonic

from patcher.binary.model import Binary, Entry, Origin
from patcher.follow import overlaps
from patcher.follow.conditions import Settled, is_suspect
from patcher.follow.edges import WEAK, Edge, Via, key_of
from patcher.follow.knowledge import Knowledge
from patcher.follow.likelihood import is_text, plausibility
from patcher.follow.model import Budget, ProblemKind
from patcher.follow.modes import START, Processor
from patcher.follow.paths import is_event, weak_point
from patcher.follow.runs import steps, undo, walk_run
from patcher.follow.space import DEAD, MARKS, Lane, Space
from patcher.follow.targets import relative_target
from patcher.follow.transfers import Transfers
from patcher.x86.walk import BRANCH, CALL, END, SENSITIVE, STOP, TRUNCATED, UNDECODABLE, Item

QUICKLY = 48
"""A run into what is no code speaks against its start only when it has no more instructions than this."""


_INT3 = 0xCC
LEAST = -4.0
"""How little what is behind a breakpoint may look like code."""
SMALL = 2_000_000
"""In more code than this no branch is settled: to know all ways into it takes memory, and nobody obfuscates so much."""


class Trial:
    """What is followed on trial: taken back as a whole when anything in it is no code."""

    def __init__(self, later: int) -> None:
        self.failed = False
        self.later = later
        self.runs: list[tuple[Lane, int, int]] = []
        self.keys: list[int] = []
        self.returning: list[int] = []


class Explorer:
    """One round of following. What is learnt for the next round goes to the `Space` and the `Knowledge`."""

    def __init__(self, binary: Binary, space: Space, knowledge: Knowledge, budget: Budget) -> None:
        self.binary, self.space, self.knowledge, self.budget = binary, space, knowledge, budget
        self.parents: dict[int, int] = {}
        self.owners: dict[int, int] = {}
        self.work: list[Edge] = []
        self.later: list[Edge] = []
        self.settled: list[tuple[Settled, Edge]] = []
        self.joins: set[int] | None = set() if knowledge.size <= SMALL else None
        self.sites: list[tuple[int, int]] = []
        self.origins: dict[int, Origin] = {}
        self.trial: Trial | None = None
        self.waiting: dict[int, list[Edge]] = {}
        self.depends: dict[int, list[int]] = {}
        self.returning: set[int] = set()
        self.instructions = 0
        self.deadline = None if budget.seconds is None else monotonic() + budget.seconds
        self.spent = False
        self._other_condition = (0, 0, 0)
        self.dirty = False
        self.transfers = Transfers(self)

    def explore(self, edges: list[Edge]) -> None:
        """Follow from these edges until nothing is left to follow."""
        self.work.extend(reversed(edges))
        while True:
            while self.work:
                if self._over_budget() or (self.trial is not None and self.trial.failed):
                    return
                self._visit(self.work.pop())
            if self.trial is not None:
                return
            if self._unsettle():
                continue
            if not self.later:
                return
            self._visit_carefully(self.later.pop())

    def edge(self, entry: Entry) -> Edge:
        """The edge that stands for an entry of the file."""
        via = Via.POINTER if entry.origin is Origin.RELOCATION else Via.ENTRY
        key = key_of(entry.address, entry.mode)
        self.origins.setdefault(key, entry.origin)
        return entry.address, entry.mode, via, 0, key, START

    def attempt(self, edge: Edge) -> Trial | None:
        """Follow an edge on trial: all that it leads to stays, or nothing of it does (then None)."""
        trial = self.trial = Trial(len(self.later))
        waiting, depends, sites = self.waiting, self.depends, len(self.sites)
        self.waiting, self.depends = {}, {}
        self.explore([edge])
        if any(overlaps.within(lane, start, end) for lane, start, end in trial.runs):
            trial.failed = True
        self.trial = None
        if trial.failed:
            self.waiting, self.depends = waiting, depends
            self._forget(trial, sites)
            return None
        self._merge(waiting, depends)
        self.explore([])
        return trial

    def _forget(self, trial: Trial, sites: int) -> None:
        self.work.clear()
        del self.later[trial.later :]
        del self.sites[sites:]
        for lane, start, end in trial.runs:
            undo(lane, start, end)
        for key in trial.keys:
            del self.parents[key], self.owners[key]
        self.returning.difference_update(trial.returning)

    def _merge(self, waiting: dict[int, list[Edge]], depends: dict[int, list[int]]) -> None:
        for key, edges in waiting.items():
            self.waiting.setdefault(key, []).extend(edges)
        for key, owners in depends.items():
            self.depends.setdefault(key, []).extend(owners)

    def _over_budget(self) -> bool:
        limit = self.budget.instructions
        self.spent = (limit is not None and self.instructions > limit) or (
            self.deadline is not None and monotonic() > self.deadline
        )
        return self.spent

    def _visit(self, edge: Edge) -> None:
        address, bits, via, source, owner, now = edge
        lane = self.space.lane(address, bits)
        if lane is None:
            self._outside(edge)
            return
        offset = address - lane.base
        length = lane.lengths[offset]
        if length >= MARKS:
            if self.trial is not None:
                self.trial.failed = True
            elif via not in WEAK and source:
                self.blame(source, bits, address)
        elif length:
            if self.joins is not None:
                self.joins.add(address)
            self.join(owner, address, bits)
        else:
            key = key_of(address, bits)
            self.parents[key] = source << 3 | via
            self.owners[key] = owner
            if self.trial is not None:
                self.trial.keys.append(key)
            self._follow(lane, offset, owner, now)

    def _visit_carefully(self, edge: Edge) -> None:
        """Follow an edge that is doubtful: only when its first run looks like code and disturbs nothing."""
        address, bits, _, source, owner, _ = edge
        lane = self.space.lane(address, bits)
        if lane is None or not self.is_followed(source, bits):
            return
        if lane.lengths[address - lane.base]:
            if lane.lengths[address - lane.base] < MARKS:
                self.join(owner, address, bits)
            return
        offset = address - lane.base
        least = LEAST if lane.code[offset - 1] == _INT3 else 0.0
        if lane.covers(offset) is not None or is_text(lane, offset) or plausibility(lane, offset, 8) < least:
            return
        items = walk_run(lane, offset)
        end = items[-1][0] + items[-1][1]
        doubtful = self.is_bad(lane, items) or overlaps.within(lane, offset, end)
        undo(lane, offset, end)
        if not doubtful:
            self.work.append(edge)

    def is_followed(self, address: int, bits: int) -> bool:
        """Is there a followed instruction at this address?"""
        lane = self.space.lane(address, bits)
        return lane is not None and 0 < lane.lengths[address - lane.base] < MARKS

    def _follow(self, lane: Lane, offset: int, owner: int, now: Processor) -> None:
        """Follow a run, and the next one behind a call that returns."""
        following: int | None = offset
        while following is not None:
            items = walk_run(lane, following)
            self.instructions += (items[-1][0] - following >> 2) + 1
            if self.trial is not None:
                self.trial.runs.append((lane, following, items[-1][0] + items[-1][1]))
                if self.is_bad(lane, items):
                    self.trial.failed = True
                    return
            elif self.is_bad(lane, items):
                items = self._take_back(lane, following, items)
            following, now = self._take(lane, items, owner, now, offset)

    def _take(
        self, lane: Lane, items: list[Item], owner: int, now: Processor, start: int
    ) -> tuple[int | None, Processor]:
        """Take note of the items of a run that began at `start`; returns the offset at which to go on, if any."""
        base, size, bits, lengths = lane.base, lane.size, lane.bits, lane.lengths
        for item in items:
            offset, length, kind = item
            if kind & SENSITIVE:
                going_on, now = self.transfers.sensitive(lane, item, owner, now)
                if not going_on:
                    undo(lane, offset + length, items[-1][0] + items[-1][1])
                    return None, now
            if kind & BRANCH:
                target = relative_target(lane, offset, length)
                if kind & CALL:
                    return self.transfers.call(lane, item, target, owner, now), now
                via = Via.JUMP if kind & STOP else Via.TAKEN
                if via is Via.TAKEN:
                    settled = self._settled(lane, item, target)
                    if settled is not None:
                        taken = (target, bits, Via.TAKEN, base + offset, owner, now)
                        if settled.taken:
                            self._only_taken(lane, items, item, settled, taken)
                            return None, now
                        self.settled.append((settled, taken))
                        continue
                if 0 <= target - base < size and lengths[target - base]:
                    if self.joins is not None:
                        self.joins.add(target)
                    if (
                        owner not in self.returning
                        and lengths[target - base] < MARKS
                        and not start <= target - base <= offset
                    ):
                        self.join(owner, target, bits)
                else:
                    self.work.append((target, bits, via, base + offset, owner, now))
            elif kind & CALL:
                return offset + length if not kind & SENSITIVE else None, now
            elif kind & STOP and not kind & END:
                self.transfers.stop(lane, item, owner, now)
            elif kind & END and offset < size and lengths[offset] < MARKS:
                if self.joins is not None:
                    self.joins.add(base + offset)
                self.join(owner, base + offset, bits)
        return None, now

    def _settled(self, lane: Lane, item: Item, target: int) -> Settled | None:
        """What settles a conditional branch; None for nearly all."""
        if self.joins is None:
            return None
        offset = item[0]
        before = self._other_condition
        self._other_condition = (offset + item[1], lane.code[offset], target)
        if before == (offset, lane.code[offset] ^ 1, target) and item[1] == 2:
            return Settled(True, frozenset((lane.base + offset,)))
        return self.transfers.outcome(lane, offset) if is_suspect(lane, offset) else None

    def _only_taken(self, lane: Lane, items: list[Item], item: Item, settled: Settled, taken: Edge) -> None:
        """Forget what was walked behind a branch that is always taken."""
        behind = item[0] + item[1]
        undo(lane, behind, items[-1][0] + items[-1][1])
        _, bits, _, source, owner, now = taken
        self.work.append((taken[0], bits, Via.JUMP, source, owner, now))
        if behind < lane.size:
            self.settled.append((settled, (lane.base + behind, bits, Via.EVENT, source, owner, now)))

    def _unsettle(self) -> bool:
        """Follow the other sides of settled branches to which another way leads, with other values."""
        if self.joins is None:
            return False
        open_again = [pair for pair in self.settled if not self.joins.isdisjoint(pair[0].window)]
        self.settled = [pair for pair in self.settled if self.joins.isdisjoint(pair[0].window)]
        self.work.extend(edge for _, edge in open_again)
        return bool(open_again)

    def is_bad(self, lane: Lane, items: list[Item]) -> bool:
        """Does a run end in what is no code?"""
        offset, _, kind = items[-1]
        if kind & (UNDECODABLE | TRUNCATED):
            return True
        if kind & END:
            if offset >= lane.size:
                return True
            return lane.lengths[offset] >= MARKS and not self._may_end(lane, items, offset)
        if kind & BRANCH:
            return self._leads_nowhere(lane, items[-1])
        return False

    def _may_end(self, lane: Lane, items: list[Item], offset: int) -> bool:
        """May a run end at a dead address? Behind what control need not pass."""
        if lane.lengths[offset] != DEAD or len(items) < 2:
            return lane.lengths[offset] == DEAD and len(items) < 2
        before, length, kind = items[-2]
        return before + length == offset and (bool(kind & BRANCH) or is_event(lane, before))

    def _leads_nowhere(self, lane: Lane, item: Item) -> bool:
        target = relative_target(lane, item[0], item[1])
        if 0 <= target - lane.base < lane.size:
            return lane.lengths[target - lane.base] >= MARKS
        if self.space.is_code(target):
            return False
        return not self.knowledge.may_leave(lane, item, target)

    def _take_back(self, lane: Lane, start: int, items: list[Item]) -> list[Item]:
        """Take back the part of a bad run that need not be code; returns the items that stay."""
        end = items[-1][0] + items[-1][1]
        for index in range(len(items) - 2, -1, -1):
            offset, length, kind = items[index]
            if kind & BRANCH or (kind & SENSITIVE and is_event(lane, offset)):
                behind = offset + length
                if steps(lane, behind, end) > QUICKLY:
                    break
                self._kill(lane, behind, end)
                return items[: index + 1]
        else:
            if steps(lane, start, end) <= QUICKLY and self._blame_start(lane, start, end):
                return []
        self.knowledge.problem(
            lane.base + items[-1][0], lane.bits, ProblemKind.BAD_PATH, "the path ends in what is no code"
        )
        return items[:-1]

    def _kill(self, lane: Lane, start: int, end: int) -> None:
        """Forget a run from `start` on; nothing is to be followed from there."""
        undo(lane, start, end)
        if start < lane.size:
            lane.lengths[start] = DEAD
        self.space.add_dead(lane.base + start, lane.bits)

    def _blame_start(self, lane: Lane, start: int, end: int) -> bool:
        """Take a whole run back, with what led to it; False when nothing weak did."""
        address = lane.base + start
        point = weak_point(self.space, self.parents, address, lane.bits)
        if point is None:
            return False
        self._kill(lane, start, end)
        if point != address:
            self.space.add_dead(point, lane.bits)
            self.dirty = True
        return True

    def blame(self, source: int, bits: int, address: int) -> None:
        """What must run at `source` leads to what is no code at `address`."""
        point = weak_point(self.space, self.parents, source, bits)
        if point is not None:
            self.space.add_dead(point, bits)
            self.dirty = True
        else:
            self.knowledge.problem(
                source, bits, ProblemKind.BAD_PATH, f"it leads to {address:#x}, which is no code"
            )

    def _outside(self, edge: Edge) -> None:
        address, bits, _, source, owner, _ = edge
        self.returns(owner)
        if source and self.trial is None:
            self.knowledge.problem(
                source, bits, ProblemKind.OUTSIDE, f"it leads to {address:#x}, which the file does not hold"
            )

    def join(self, owner: int, address: int, bits: int) -> None:
        """A path of function `owner` goes on in code that is followed already: it returns if that does."""
        if owner in self.returning:
            return
        other = self.owner_at(address, bits)
        if other is None or other in self.returning:
            self.returns(owner)
        elif other != owner:
            self.depends.setdefault(other, []).append(owner)

    def owner_at(self, address: int, bits: int) -> int | None:
        """The function for which an address was followed first."""
        lane = self.space.lane(address, bits)
        for _ in range(4096):
            owner = self.owners.get(key_of(address, bits))
            if owner is not None:
                return owner
            before = lane.before(address - lane.base) if lane is not None else None
            if lane is None or before is None:
                return None
            address = lane.base + before
        return None

    def returns(self, owner: int) -> None:
        """A function is seen to return: so do the calls of it, and who jumps to it."""
        found = [owner]
        while found:
            owner = found.pop()
            if owner not in self.returning:
                self.returning.add(owner)
                if self.trial is not None:
                    self.trial.returning.append(owner)
                self.work.extend(self.waiting.pop(owner, ()))
                found.extend(self.depends.pop(owner, ()))
