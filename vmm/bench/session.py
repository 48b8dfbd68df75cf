# SPDX-License-Identifier: GPL-2.0-or-later
"""A benchmark session: every workload on each of its platforms in turn, several rounds, medians.

The platforms of a workload take turns (A B C A B C), so that a machine that grows slower in between slows all of them;
ratios are taken within a round, and their median is shown.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from statistics import median

from vmm.bench.measure import measure
from vmm.bench.stopwatch import Sample
from vmm.bench.workload import Goal, Platform, Workload
from vmm.errors import VmmError

LOOP_SECONDS = 0.05  # how long a measured loop is to take
_SHORT, _ENOUGH, _GROWTH = 64, LOOP_SECONDS / 20, 32


@dataclass(frozen=True, slots=True)
class Choices:
    """How to measure; `count` None: as many iterations as fill `LOOP_SECONDS`."""

    rounds: int = 5
    count: int | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """A goal and the ratio that was measured."""

    goal: Goal
    ratio: float

    @property
    def met(self) -> bool:
        return self.ratio <= self.goal.most


@dataclass(frozen=True, slots=True)
class Result:
    """All samples of a workload, one a round, and the sentence why a platform has none."""

    workload: Workload
    samples: Mapping[Platform, tuple[Sample, ...]]
    failures: Mapping[Platform, str] = field(default_factory=dict)

    def nanoseconds(self, platform: Platform) -> float | None:
        """The median time of one iteration, without the loop around it."""
        samples = self.samples.get(platform)
        return median(sample.nanoseconds for sample in samples) if samples else None

    def ratio(self, platform: Platform, reference: Platform) -> float | None:
        """The median, over the rounds, of the time on `platform` divided by the time on `reference`."""
        pairs = zip(self.samples.get(platform, ()), self.samples.get(reference, ()), strict=False)
        ratios = [one.nanoseconds / other.nanoseconds for one, other in pairs if other.nanoseconds]
        return median(ratios) if ratios else None

    def judgements(self) -> tuple[Judgement, ...]:
        """What is asked of this workload and what it does; goals without figures are left out."""
        measured = ((goal, self.ratio(goal.platform, goal.reference)) for goal in self.workload.goals)
        return tuple(Judgement(goal, ratio) for goal, ratio in measured if ratio is not None)


def run_all(
    workloads: Iterable[Workload], choices: Choices, tell: Callable[[str], None] = lambda _text: None
) -> list[Result]:
    """Measure every workload; `tell` hears what is being done."""
    return [run_one(workload, choices, tell) for workload in workloads]


def run_one(workload: Workload, choices: Choices, tell: Callable[[str], None] = lambda _text: None) -> Result:
    """Measure one workload. A platform that fails is left out of the rounds that follow."""
    samples: dict[Platform, list[Sample]] = {platform: [] for platform in workload.platforms}
    failures: dict[Platform, str] = {}
    counts: dict[Platform, int] = {}
    rounds = choices.rounds * workload.turns
    for round_number in range(rounds):
        for platform in workload.platforms:
            if platform in failures:
                continue
            tell(f"{workload.name}: {platform.value}, round {round_number + 1} of {rounds}")
            try:
                if platform not in counts:
                    counts[platform] = choices.count or fitting_count(workload, platform)
                samples[platform].append(measure(workload, platform, counts[platform]))
            except VmmError as error:
                failures[platform] = str(error)
    kept = {p: tuple(found) for p, found in samples.items() if found and p not in failures}
    return Result(workload, kept, failures)


def fitting_count(workload: Workload, platform: Platform) -> int:
    """Iterations that take about `LOOP_SECONDS`."""
    count = min(_SHORT, workload.most)
    while True:
        taken = measure(workload, platform, count).loop
        if taken >= _ENOUGH or count >= workload.most:
            return max(1, min(workload.most, int(count * LOOP_SECONDS / taken)))
        count = min(count * _GROWTH, workload.most)
