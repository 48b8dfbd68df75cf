# SPDX-License-Identifier: GPL-2.0-or-later
"""Following: from the entries along every edge, one run of instructions after the other."""

from typing import Final

from patcher.binary.model import Binary, Entry, Origin
from patcher.follow.blame import blame, is_bad, take_back
from patcher.follow.calls import Calls
from patcher.follow.conditions import Settled
from patcher.follow.doubtful import visit_carefully
from patcher.follow.edges import WEAK, Edge, Via, key_of, parent_of
from patcher.follow.hindsight import Hindsight
from patcher.follow.knowledge import Knowledge
from patcher.follow.lane import BORDER, DEAD, MARKS, Lane
from patcher.follow.model import Budget, Problem, ProblemKind
from patcher.follow.modes import START, Processor
from patcher.follow.returning import Returning
from patcher.follow.rewriting import Rewriting
from patcher.follow.runs import undo, walk_run
from patcher.follow.settled import SettledBranches
from patcher.follow.space import Space
from patcher.follow.targets import relative_target
from patcher.follow.transfers import Transfers
from patcher.follow.trial import Trial, stands
from patcher.follow.vicinity import Vicinity
from patcher.x86.walk import BRANCH, CALL, END, SENSITIVE, STOP, Item

_SELDOM: Final = 16
"""After so many runs the limit is looked at."""


class Explorer:
    """One round of following. What is learnt for the next round goes to the `Space` and the `Knowledge`."""

    def __init__(self, binary: Binary, space: Space, knowledge: Knowledge, budget: Budget) -> None:
        self.binary, self.space, self.knowledge, self.budget = binary, space, knowledge, budget
        self.rewrites, self.rewriting = space.rewrites, Rewriting(self)
        self.parents: dict[int, int] = {}
        self.work: list[Edge] = []
        self.later: list[Edge] = []
        self.sites: list[tuple[int, int, bool]] = []
        """Keys of sensitive instructions and of the functions that they were followed for, and whether they lie in a
        16-bit segment of protected mode."""
        self.origins: dict[int, Origin] = {}
        self.dropped: set[tuple[int, int]] = set()
        """Addresses and modes to which steps lead that are taken for never made."""
        self.trial: Trial | None = None
        self.returning = Returning(space, self.work)
        self.settled = SettledBranches(knowledge.size)
        self.hindsight = Hindsight(space, self.parents)
        self.vicinity = Vicinity(space)
        self.calls, self.transfers = Calls(self), Transfers(self)
        self.instructions = self._visits = 0
        self.spent = self.dirty = False

    def edge(self, entry: Entry) -> Edge:
        """The edge that stands for an entry of the file."""
        key = key_of(entry.address, entry.mode)
        self.origins.setdefault(key, entry.origin)
        return entry.address, entry.mode, Via.ENTRY, 0, key, START

    def explore(self, edges: list[Edge], copies: bool = True) -> None:
        """Follow from these edges until nothing is left to follow; with `copies`, also what the program copies over
        what was followed by now, for which all of its tables are looked through."""
        self.work.extend(reversed(edges))
        while True:
            while self.work:
                if self._visits % _SELDOM == 0 and self.over():
                    return
                if self.spent or (self.trial is not None and self.trial.failed):
                    return
                self._visits += 1
                self._visit(self.work.pop())
            if self.trial is not None:
                return
            self.work.extend(edge for edge in self.settled.open_again() if self.is_followed(edge[3], edge[1]))
            if copies:
                self.work.extend(self.rewriting.edges())
            if not self.work:
                if not self.later:
                    return
                visit_carefully(self, self.later.pop())

    def end(self) -> None:
        """Give back the paths, which take most of the memory. Sites and origins stay."""
        del self.parents, self.returning, self.settled, self.hindsight, self.calls, self.transfers

    def over(self) -> bool:
        """Was the limit reached? From then on nothing new is followed."""
        limit = self.budget.instructions
        self.spent = (
            self.spent or (limit is not None and self.instructions > limit) or self.budget.deadline.passed()
        )
        return self.spent

    def _visit(self, edge: Edge) -> None:
        address, bits, via, source, owner, now = edge
        if self.rewrites.is_near(address) and not self.rewriting.arrive(edge):
            return
        lane = self.space.lane(address, bits)
        if lane is None:
            self.leave(edge)
            return
        length = lane.lengths[address - lane.base]
        if length == BORDER:
            lane.lengths[address - lane.base] = length = 0
        if length >= MARKS:
            if self.trial is not None:
                self.trial.failed = True
                return
            self.drop(lane, address - lane.base)
            if via not in WEAK and source:
                blame(self, source, bits, address)
        elif length:
            self.join(owner, address, bits)
        else:
            key = key_of(address, bits)
            self.parents[key] = parent_of(source, via)
            self.returning.owners.add(lane, address - lane.base, key, owner)
            if self.trial is not None:
                self.trial.keys.append(key)
            self._follow(lane, address - lane.base, owner, now)

    def problem(self, address: int, bits: int, kind: ProblemKind, sentence: str) -> None:
        """Note what could not be settled; on trial, for when what is followed stays."""
        if self.trial is None:
            self.knowledge.problem(address, bits, kind, sentence)
        else:
            self.trial.problems.append(Problem(address, bits, kind, sentence))

    def drop(self, lane: Lane, offset: int) -> None:
        """A step that is taken for never made leads here."""
        if offset < lane.size and lane.lengths[offset] in (0, DEAD):
            dropped = self.dropped if self.trial is None else self.trial.dropped
            dropped.add((lane.base + offset, lane.bits))

    def is_followed(self, address: int, bits: int) -> bool:
        """Is there a followed instruction at this address?"""
        lane = self.space.lane(address, bits)
        return lane is not None and 0 < lane.lengths[address - lane.base] < MARKS

    def _follow(self, lane: Lane, offset: int, owner: int, now: Processor) -> None:
        """Follow a run, and the next one behind a call that returns."""
        following: int | None = offset
        while following is not None:
            items = walk_run(lane, following)
            count = (items[-1][0] - following >> 2) + 1
            self.instructions += count
            if self.trial is not None and not stands(self, self.trial, lane, following, items, count):
                return
            if is_bad(self, lane, items):
                items = take_back(self, lane, following, items)
            following, now = self._take(lane, items, owner, now, offset)

    def _take(
        self, lane: Lane, items: list[Item], owner: int, now: Processor, start: int
    ) -> tuple[int | None, Processor]:
        """Take note of the items of a run that began at `start`; returns the offset at which to go on, if any."""
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
                    return self.calls.call(lane, item, target, owner, now), now
                if not self._branch(lane, items, item, target, owner, now, start):
                    return None, now
            elif kind & CALL:
                if self.knowledge.never and self.calls.calls_what_never_returns(lane, offset):
                    return None, now
                if self.settled.used:
                    self.calls.indirect_call(lane, item, owner, now)
                return offset + length, now
            elif kind & END:
                if lane.base + offset in self.rewrites.borders:
                    self.rewriting.leave(lane, offset, owner, now)
                elif offset >= lane.size:
                    self._run_on(lane, owner, now)
                elif lane.lengths[offset] < MARKS:
                    self.join(owner, lane.base + offset, lane.bits)
                else:
                    self.drop(lane, offset)
            elif kind & STOP:
                self.transfers.stop(lane, item, owner, now)
        return None, now

    def _run_on(self, lane: Lane, owner: int, now: Processor) -> None:
        """A path comes to the end of a section, and may go on in the next one."""
        before = lane.before(lane.size)
        if before is not None and self.knowledge.goes_on(lane):
            self.work.append((lane.end, lane.bits, Via.JUMP, lane.base + before, owner, now))

    def _branch(
        self, lane: Lane, items: list[Item], item: Item, target: int, owner: int, now: Processor, start: int
    ) -> bool:
        """A jump, conditional or not; does the run go on behind it?"""
        offset, source = item[0], lane.base + item[0]
        via = Via.JUMP if item[2] & STOP else Via.TAKEN
        if via is Via.TAKEN:
            settled = self.settled.outcome(self.hindsight, lane, item, target)
            if settled is not None:
                taken = (target, lane.bits, Via.TAKEN, source, owner, now)
                if settled.taken:
                    self._only_taken(lane, items, item, settled, taken)
                else:
                    self.settled.add(settled, taken)
                return not settled.taken
        there = target - lane.base
        if self.rewrites.is_near(target) or not 0 <= there < lane.size or not lane.lengths[there]:
            self.work.append((target, lane.bits, via, source, owner, now))
        elif lane.lengths[there] < MARKS:
            self.settled.joined(target)
            if owner not in self.returning.known and not start <= there <= offset:
                self.returning.join(owner, target, lane.bits)
        else:
            self.drop(lane, there)
        return True

    def _only_taken(self, lane: Lane, items: list[Item], item: Item, settled: Settled, taken: Edge) -> None:
        """Forget what was walked behind a branch that is always taken."""
        behind = item[0] + item[1]
        undo(lane, behind, items[-1][0] + items[-1][1])
        target, bits, _, source, owner, now = taken
        self.work.append((target, bits, Via.JUMP, source, owner, now))
        if behind < lane.size:
            self.settled.add(settled, (lane.base + behind, bits, Via.EVENT, source, owner, now))

    def join(self, owner: int, address: int, bits: int) -> None:
        """A path comes to what is followed already."""
        self.settled.joined(address)
        self.returning.join(owner, address, bits)

    def leave(self, edge: Edge) -> None:
        """An edge leads out of what the file holds: perhaps into another program, which returns."""
        address, bits, _, source, owner, _ = edge
        self.returning.returns(owner)
        if source and address not in self.knowledge.elsewhere:
            sentence = f"it leads to {address:#x}, which the file does not hold"
            self.problem(source, bits, ProblemKind.OUTSIDE, sentence)
