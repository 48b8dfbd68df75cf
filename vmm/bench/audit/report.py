# SPDX-License-Identifier: GPL-2.0-or-later
"""Results as a table of classes and subjects, as a list of the worst files, and as JSON."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final

from vmm.bench.audit.build import Sample
from vmm.bench.audit.cost import Cost
from vmm.bench.audit.goals import Goal, goals
from vmm.bench.audit.measure import Judged, Result
from vmm.bench.audit.score import Score, total
from vmm.bench.audit.source import CLASSES
from vmm.bench.audit.speed import Speed

HEADINGS: Final = (
    "files", "subject", "tier", "precision", "recall", "of sites", "goal", "", "starts p", "starts r", "wrong mode"
)  # fmt: skip
_PLACES: Final = 12


def rows(results: Sequence[Result], by: str = "class") -> Iterator[tuple[str, ...]]:
    """A row for each part, subject and tier, under `HEADINGS`; the parts are classes, or finer by form or source."""
    for (group, part), inside in _parts(results, by).items():
        for subject, step in _steps(inside):
            judged = [j for result in inside for j in result.judged if (j.subject, j.step) == (subject, step)]
            yield (f"{group.upper()} {part}", *_row(group, subject, step, judged))


def _parts(results: Sequence[Result], by: str) -> dict[tuple[str, str], list[Result]]:
    parts: dict[tuple[str, str], list[Result]] = {}
    for result in sorted(results, key=lambda result: result.sample.group):
        sample = result.sample
        part = {"form": _kind(sample), "source": sample.source, "class": CLASSES[sample.group]}[by]
        parts.setdefault((sample.group, part), []).append(result)
    return parts


def _kind(sample: Sample) -> str:
    """What of a file's making matters to an audit: its form, and whether it has unwind tables."""
    return f"{sample.form}, no unwind tables" if "unwind" in sample.label else sample.form


def _steps(results: Sequence[Result]) -> list[tuple[str, str]]:
    return [(judged.subject, judged.step) for judged in results[0].judged] if results else []


def _row(group: str, subject: str, step: str, judged: Sequence[Judged]) -> tuple[str, ...]:
    sites = total(j.sites for j in judged)
    starts = total(j.starts for j in judged if j.starts is not None)
    goal = goals(subject).get((group, step))
    wrong = sum(j.wrong_mode for j in judged)
    return (
        subject, step, _share(sites.precision), _share(sites.recall), str(sites.true),
        str(goal or ""), _verdict(goal, sites), _share(starts.precision), _share(starts.recall), str(wrong or ""),
    )  # fmt: skip


def _share(share: float | None) -> str:
    return "" if share is None else f"{share:.4f}"


def _verdict(goal: Goal | None, reached: Score) -> str:
    return "" if goal is None else "reached" if goal.met_by(reached) else "MISSED"


def table(headings: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Columns side by side."""
    cells = [headings, *lines]
    widths = [max(len(row[i]) for row in cells) for i in range(len(headings))]
    text = ("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in cells)
    return "".join(f"{line}\n" for line in text)


def worst(results: Sequence[Result], step: tuple[str, str], count: int) -> Iterator[str]:
    """The files with the most errors of one step, and where the errors lie."""
    found = []
    for result in results:
        for judged in result.judged:
            if (judged.subject, judged.step) == step and (judged.missed or judged.false):
                found.append((len(judged.missed) + len(judged.false), result.sample, judged))
    found.sort(key=lambda item: (-item[0], item[1].name))
    for _, sample, judged in found[:count]:
        yield f"{sample.name}: {len(judged.missed)} of {len(sample.truth.sites)} missed, {len(judged.false)} false"
        yield from (f"  missed {_where(sample, offset)}" for offset in islice(judged.missed, _PLACES))
        yield from (f"  false  {_where(sample, offset)}" for offset in islice(judged.false, _PLACES))


def _where(sample: Sample, offset: int) -> str:
    known = sample.truth.starts.get(offset)
    region = next((r for r in sample.regions if r.offset <= offset < r.offset + r.size), None)
    address = f" at {region.address + offset - region.offset:#x}" if region else ""
    text = f"{known.text} ({known.mode} bit)" if known else sample.data[offset : offset + 8].hex(" ")
    return f"file offset {offset:#x}{address}: {text}"


def document(results: Sequence[Result]) -> dict[str, Any]:
    """Everything as JSON can hold it; shares are derived from counts and left out."""
    return {
        "version": 1,
        "files": [
            {
                "source": result.sample.source,
                "class": result.sample.group,
                "label": result.sample.label,
                "form": result.sample.form,
                "undecidable": result.sample.undecidable,
                "bytes": sum(region.size for region in result.sample.regions),
                "instructions": len(result.sample.truth.starts),
                "sites": len(result.sample.truth.sites),
                "judged": [_judged(judged) for judged in result.judged],
            }
            for result in results
        ],
    }


def _judged(judged: Judged) -> dict[str, Any]:
    return {
        "subject": judged.subject,
        "tiers": judged.step,
        "sites": _counts(judged.sites),
        "starts": judged.starts and _counts(judged.starts),
        "missed": judged.missed,
        "false": judged.false,
        "wrong_mode": judged.wrong_mode,
    }


def _counts(score: Score) -> dict[str, int]:
    return {"right": score.right, "claimed": score.claimed, "true": score.true}


def speed_text(speeds: Sequence[Speed], cost: Cost) -> str:
    """Two tables: the sweep beside other tools, and whole audits."""
    code = speeds[0].code / 1e6 if speeds else 0.0
    lines = [
        (s.tool, f"{s.megabytes_per_second:.2f}", f"{s.seconds:.1f}", f"{s.ratio:.1f}", str(s.found or ""))
        for s in speeds
    ]
    audit = (
        f"{cost.files}", f"{cost.unreadable}", f"{cost.code / 1e6:.1f}", f"{cost.jobs}", f"{cost.elapsed:.1f}",
        f"{cost.megabytes_per_second:.2f}", "" if cost.peak is None else f"{cost.peak / 1e6:.0f}", f"{cost.findings}",
    )  # fmt: skip
    return (
        f"{code:.1f} MB of code\n"
        + table(("tool", "MB/s", "seconds", "sweep is times as fast", "found"), lines)
        + "\n"
        + table(
            ("audited", "unreadable", "MB of code", "jobs", "seconds", "MB/s a core", "peak MB", "findings"),
            [audit],
        )
    )
