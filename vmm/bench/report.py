# SPDX-License-Identifier: GPL-2.0-or-later
"""A session's results as a table, drawn with rich or plain, and as JSON."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from vmm.bench.session import Judgement, Result
from vmm.bench.single_figures import Figure
from vmm.bench.workload import Platform

if TYPE_CHECKING:
    from rich.table import Table

_COLUMNS = (Platform.NATIVE, Platform.FAST, Platform.TRAP, Platform.STOCK, Platform.BARE)
HEADINGS = ("workload", *(p.value for p in _COLUMNS), "fast/native", "trap/native", "target", "")
FIGURE_HEADINGS = ("figure", "measured", "target", "", "what it is")


@dataclass(frozen=True, slots=True)
class Report:
    """What `patchvisor bench` shows."""

    results: Sequence[Result]
    figures: Sequence[Figure]


def duration(nanoseconds: float | None) -> str:
    """A time in the unit that suits it, three digits."""
    if nanoseconds is None:
        return ""
    for unit, size in (("s", 1e9), ("ms", 1e6), ("us", 1e3)):
        if nanoseconds >= size:
            return f"{nanoseconds / size:#.3g}".rstrip(".") + f" {unit}"
    return f"{nanoseconds:#.3g}".rstrip(".") + " ns"


def _factor(ratio: float | None) -> str:
    if ratio is None:
        return ""
    return f"{ratio:.2f}" if ratio < 100 else f"{ratio:.0f}"


def _target(judgement: Judgement) -> str:
    goal = judgement.goal
    return f"{goal.platform.value}/{goal.reference.value} {judgement.ratio:.2f} of {goal.most:.2f}"


def _verdict(met: Sequence[bool]) -> str:
    return "" if not met else "pass" if all(met) else "MISS"


def rows(results: Sequence[Result]) -> list[tuple[str, ...]]:
    """A row a workload, under `HEADINGS`."""
    return [_row(result) for result in results]


def _row(result: Result) -> tuple[str, ...]:
    judgements = result.judgements()
    return (
        result.workload.name,
        *("failed" if p in result.failures else duration(result.nanoseconds(p)) for p in _COLUMNS),
        _factor(result.ratio(Platform.FAST, Platform.NATIVE)),
        _factor(result.ratio(Platform.TRAP, Platform.NATIVE)),
        ", ".join(_target(judgement) for judgement in judgements),
        _verdict([judgement.met for judgement in judgements]),
    )


def figure_rows(figures: Sequence[Figure]) -> list[tuple[str, ...]]:
    """A row a figure, under `FIGURE_HEADINGS`."""
    return [(f.name, duration(f.nanoseconds), duration(f.most), _verdict([f.met]), f.says) for f in figures]


def failures(results: Sequence[Result]) -> list[str]:
    """A line a platform on which a workload did not run to its end."""
    return [
        f"{result.workload.name}, {platform.value}: {sentence}"
        for result in results
        for platform, sentence in result.failures.items()
    ]


def plain(report: Report) -> str:
    """The tables as text of fixed columns, ending in a newline; tables without rows are left out."""
    parts = []
    if report.results:
        parts.append(_columns([HEADINGS, *rows(report.results)]))
    if report.figures:
        parts.append(_columns([FIGURE_HEADINGS, *figure_rows(report.figures)]))
    lines = failures(report.results)
    if lines:
        parts.append("".join(f"{line}\n" for line in lines))
    return "\n".join(parts)


def _columns(table: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in table)
    return "".join(f"{line.rstrip()}\n" for line in lines)


def write(report: Report, stream: TextIO, *, colour: bool) -> None:
    """Write the tables to `stream`: with rich when `colour`, else as plain text."""
    if not colour:
        stream.write(plain(report))
        return
    from rich.console import Console

    console = Console(file=stream)
    for headings, lines in ((HEADINGS, rows(report.results)), (FIGURE_HEADINGS, figure_rows(report.figures))):
        if lines:
            console.print(_drawn(headings, lines))
    for line in failures(report.results):
        console.print(line, style="red", markup=False)


def _drawn(headings: Sequence[str], lines: Sequence[Sequence[str]]) -> "Table":
    from rich.box import SIMPLE
    from rich.table import Table

    table = Table(*headings, box=SIMPLE, pad_edge=False)
    for line in lines:
        style = "red" if "MISS" in line else "green" if "pass" in line else ""
        table.add_row(*line, style=style)
    return table


def as_json(report: Report) -> str:
    """The same as one JSON object; times are in nanoseconds."""
    import json

    document = {
        "workloads": [_result_object(result) for result in report.results],
        "figures": [
            {"name": f.name, "says": f.says, "ns": f.nanoseconds, "most_ns": f.most, "met": f.met}
            for f in report.figures
        ],
    }
    return json.dumps(document, indent=2) + "\n"


def _result_object(result: Result) -> dict[str, object]:
    return {
        "name": result.workload.name,
        "says": result.workload.says,
        "ns": {platform.value: result.nanoseconds(platform) for platform in result.samples},
        "iterations": {platform.value: found[0].count for platform, found in result.samples.items()},
        "ratios_to_native": {
            platform.value: result.ratio(platform, Platform.NATIVE)
            for platform in result.samples
            if platform is not Platform.NATIVE and Platform.NATIVE in result.samples
        },
        "targets": [
            {
                "platform": j.goal.platform.value, "reference": j.goal.reference.value,
                "ratio": j.ratio, "most": j.goal.most, "met": j.met,
            }
            for j in result.judgements()
        ],
        "failures": {platform.value: sentence for platform, sentence in result.failures.items()},
    }  # fmt: skip
