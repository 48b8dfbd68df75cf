# SPDX-License-Identifier: GPL-2.0-or-later
"""The HTML form of an audit: one file, which asks no network and runs from disk.

The page (`audit.html`) is the same for every audit; the findings stand in it as JSON, and its own script draws the
summary, the map of each program, and the tables. Without scripts the summary is still there.
"""

import json
from collections.abc import Iterator
from html import escape
from importlib.resources import files
from itertools import count
from typing import Final

from patcher.auditing.model import AuditReport, BinaryReport, FileReport, Finding
from patcher.auditing.options import SURE
from patcher.report.form import Form, Options
from patcher.report.words import (
    closed_by,
    counts_of,
    many,
    place_of,
    printable,
    summary_of,
    totals,
    verdict_of,
)

MARK: Final = "<!-- {} -->"
"""What stands in the page where the totals, the rows of the summary and the findings ("programs") go."""
MOST_UNSURE: Final = 20_000
"""So many possible and overlapping findings stand in a page, so that a browser can sort and search them."""


def render(report: AuditReport, options: Options) -> Iterator[str]:
    """The page in pieces; a program a line."""
    page = files("patcher.report").joinpath("audit.html").read_text(encoding="utf-8")
    head, rest = _cut(page, "totals")
    yield head + f"<p>{_text(totals(report))}</p>"
    head, rest = _cut(rest, "summary")
    yield head
    yield from _summary(report)
    head, tail = _cut(rest, "programs")
    yield head
    comma, room = "\n", MOST_UNSURE
    for file in report.files:
        for binary in file.binaries:
            shown = _shown(binary.findings, room)
            room -= sum(finding.tier not in SURE for finding in shown)
            yield comma + _embedded(_program(file, binary, shown))
            comma = ",\n"
    yield tail


def _shown(findings: tuple[Finding, ...], room: int) -> list[Finding]:
    """All findings that are sure, and the first `room` of the others, in order."""
    number = count(1)
    return [finding for finding in findings if finding.tier in SURE or next(number) <= room]


def _cut(page: str, mark: str) -> tuple[str, str]:
    head, _, tail = page.partition(MARK.format(mark))
    return head, tail


def _embedded(value: object) -> str:
    """JSON that no HTML parser takes for the end of the script it stands in."""
    return json.dumps(value).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _summary(report: AuditReport) -> Iterator[str]:
    number = 0
    for file in report.files:
        for binary in file.binaries:
            yield _summary_row(number, file, binary)
            number += 1
    for lost in report.unreadable:
        cells = f'<td>{_text(lost.path)}</td><td colspan="7">{_text(lost.reason)}</td>'
        yield f'<tr class="lost">{cells}</tr>\n'


def _summary_row(number: int, file: FileReport, binary: BinaryReport) -> str:
    shown = summary_of(file, binary)
    holes, traps = counts_of(binary)
    cells = (
        f'<td><a href="#p{number}">{_text(shown[0])}</a></td><td>{_text(shown[1])}</td><td class="n">{binary.ring}</td>'
        f'<td class="n" data-n="{binary.coverage.code}">{shown[3]}</td><td class="n">{shown[4]}</td>'
        f'<td class="n">{holes}</td><td class="n">{traps}</td><td class="verdict">{_text(shown[7])}</td>'
    )
    return f'<tr class="{binary.verdict.status.name.lower()}" data-holes="{holes}">{cells}</tr>\n'


def _text(text: str) -> str:
    return escape(printable(text))


def _left_out(number: int) -> list[str]:
    if not number:
        return []
    left_out = many(number, "possible or overlapping finding")
    return [f"Left out here: {left_out}. A page has room for {MOST_UNSURE} of them; the forms json and csv have all."]


def _program(file: FileReport, binary: BinaryReport, shown: list[Finding]) -> dict[str, object]:
    verdicts = (("verdict", binary.verdict), ("as user code", binary.user_verdict))
    cover = binary.coverage
    return {
        "name": place_of(file, binary),
        "verdict": verdict_of(binary.verdict),
        "facts": [
            f"{binary.format}, {binary.mode}-bit, {binary.privilege.value} code, ring {binary.ring}",
            f"{many(cover.code, 'byte')} of code: {cover.followed} followed, {cover.swept} swept, "
            f"{cover.padding} padding, {cover.data} data",
            *(printable(" ".join((f"{name}: {verdict_of(found)}.", *found.reasons))) for name, found in verdicts),
            *map(printable, binary.notes),
            *_left_out(len(binary.findings) - len(shown)),
        ],
        "layout": [
            [printable(span.name), f"{span.start:#x}", f"{span.end:#x}", span.executable] for span in binary.layout
        ],
        "findings": [_row(finding) for finding in shown],
    }


def _row(finding: Finding) -> list[object]:
    """A finding in the order in which the page's script reads it."""
    function = f"{finding.function or finding.section}+{finding.function_offset:#x}"
    around = [[f"{line.address:#x}", line.raw.hex(" "), line.text, line.patched] for line in finding.around]
    return [
        f"{finding.address:#x}", printable(function), finding.text, finding.rule, finding.kind.value,
        finding.tier.value, finding.matters, closed_by(finding), printable(finding.why), finding.tactic_reason,
        finding.purpose, printable(finding.rewritten), finding.raw.hex(" "), around,
    ]  # fmt: skip


FORM = Form("html", render, wants_around=True)
