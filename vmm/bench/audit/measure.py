# SPDX-License-Identifier: GPL-2.0-or-later
"""The measurement: every sample built, every subject asked, every claim judged."""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from vmm.bench.audit.build import Sample, Truth, build
from vmm.bench.audit.score import Score, score
from vmm.bench.audit.source import Source
from vmm.bench.audit.subjects import Claims, Subject


@dataclass(frozen=True, slots=True)
class Judged:
    """One step of one subject on one sample. `missed` and `false` are file offsets of sensitive instructions."""

    subject: str
    step: str
    sites: Score
    starts: Score | None
    missed: tuple[int, ...]
    false: tuple[int, ...]
    wrong_mode: int


@dataclass(frozen=True, slots=True)
class Result:
    """A sample and how everybody did on it."""

    sample: Sample
    judged: tuple[Judged, ...]
    failures: tuple[str, ...] = ()


def samples(sources: Iterable[Source]) -> Iterator[Sample]:
    """Every file of every source."""
    for source in sources:
        with tempfile.TemporaryDirectory(prefix="patchvisor-bench-") as folder:
            yield from build(source, Path(folder))


def measure(
    sources: Iterable[Source], subjects: Sequence[Subject], tell: Callable[[str], None]
) -> list[Result]:
    """Ask every subject about every sample."""
    results = []
    with tempfile.TemporaryDirectory(prefix="patchvisor-bench-") as folder:
        for sample in samples(sources):
            tell(f"{sample.source}: {sample.label}, {sample.form}")
            asked = [(subject, _ask(subject, sample, Path(folder))) for subject in subjects]
            judged = (judgement for subject, claims in asked for judgement in judge(sample, subject, claims))
            failures = tuple(f"{subject.name}: {c.failure}" for subject, c in asked if c.failure)
            results.append(Result(sample, tuple(judged), failures))
    return results


def _ask(subject: Subject, sample: Sample, folder: Path) -> Claims:
    """What a subject claims; nothing when it fails, whatever way it fails."""
    try:
        return subject.claims(sample, folder)
    except Exception as error:
        return Claims(dict.fromkeys(subject.steps, frozenset()), failure=f"{type(error).__name__}: {error}")


def judge(sample: Sample, subject: Subject, claims: Claims) -> Iterator[Judged]:
    """Each step of a subject's claims about one sample.

    What is claimed about bytes that the assembler did not lay down (the linker's) counts for nothing. Padding is
    neither an instruction nor none, but a sensitive instruction claimed in it is wrong.
    """
    truth = sample.truth
    for step in subject.steps:
        sites = frozenset(filter(truth.covers, claims.sites[step]))
        starts = claims.starts.get(step)
        yield Judged(
            subject.name,
            step,
            score(sites, truth.sites),
            None if starts is None else _starts(starts, truth),
            tuple(sorted(truth.sites - sites)),
            tuple(sorted(sites - truth.sites)),
            _in_wrong_mode(sites & truth.sites, claims.in_mode.get(step), truth),
        )


def _starts(claimed: Iterable[int], truth: Truth) -> Score:
    return score(frozenset(filter(truth.covers, claimed)), truth.starts.keys(), truth.padding)


def _in_wrong_mode(right: Iterable[int], claimed: Set[tuple[int, int]] | None, truth: Truth) -> int:
    """How many sites were claimed for other code sizes only; none when no sizes are claimed."""
    if claimed is None:
        return 0
    return sum((offset, truth.starts[offset].mode) not in claimed for offset in right)
