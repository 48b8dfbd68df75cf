# SPDX-License-Identifier: GPL-2.0-or-later
"""The HTML form of an audit: one file, which asks no network and runs from disk.

The page (`audit.html`) is the same for every audit; the findings stand in it as JSON, and its own script draws the
summary, the map of each program, and the tables. Without scripts the summary is still there.
"""

import json
from collections import Counter
from collections.abc import Iterator
from html import escape
from importlib.resources import files
from typing import Final

from patcher.auditing.model import AuditReport, BinaryReport, FileReport, Finding, Tier
from patcher.report.form import Form, Options

MARK: Final = "<!-- {} -->"
"""What stands in the page where the summary ("summary") and the findings ("programs") go."""


def render(report: AuditReport, options: Options) -> Iterator[str]:
    """The page in pieces; a program a line."""
    page = files("patcher.report").joinpath("audit.html").read_text(encoding="utf-8")
    head, _, rest = page.partition(MARK.format("summary"))
    middle, _, tail = rest.partition(MARK.format("programs"))
    yield head
    yield from _summary(report)
    yield middle
    comma = "\n"
    for file in report.files:
        for binary in file.binaries:
            yield comma + _embedded(_program(file, binary))
            comma = ",\n"
    yield tail


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
    tiers = Counter(finding.tier for finding in binary.findings)
    counts = "".join(
        f'<td class="n">{tiers[tier]}</td>' for tier in (Tier.CONFIRMED, Tier.LIKELY, Tier.POSSIBLE)
    )
    name = _text(file.path + (f"!{binary.name}" if binary.name else ""))
    status = binary.verdict.status
    cells = (
        f'<td><a href="#p{number}">{name}</a></td><td>{_text(binary.format)}</td><td class="n">{binary.mode}</td>'
        f'<td>{binary.privilege.value}</td><td class="verdict">{_text(status.value)}</td>{counts}'
    )
    return f'<tr class="{status.name.lower()}">{cells}</tr>\n'


def _text(text: str) -> str:
    return escape(text.encode("utf-8", "replace").decode())


def _program(file: FileReport, binary: BinaryReport) -> dict[str, object]:
    verdicts = (("verdict", binary.verdict), ("as user code", binary.user_verdict))
    cover = binary.coverage
    return {
        "name": file.path + (f"!{binary.name}" if binary.name else ""),
        "facts": [
            f"{binary.format}, {binary.mode}-bit, {binary.privilege.value} code, ring {binary.ring}",
            f"{cover.code} bytes of code: {cover.followed} followed, {cover.swept} swept, {cover.padding} padding, "
            f"{cover.data} data",
            *(" ".join((f"{name}: {found.status.value}.", *found.reasons)) for name, found in verdicts),
            *binary.notes,
        ],
        "layout": [
            [span.name, f"{span.start:#x}", f"{span.end:#x}", span.executable] for span in binary.layout
        ],
        "findings": [_row(finding) for finding in binary.findings],
    }


def _row(finding: Finding) -> list[object]:
    """A finding in the order in which the page's script reads it."""
    function = f"{finding.function or finding.section}+{finding.function_offset:#x}"
    tactic = finding.tactic.value if finding.tactic else "none"
    around = [[f"{line.address:#x}", line.raw.hex(" "), line.text, line.patched] for line in finding.around]
    return [
        f"{finding.address:#x}", function, finding.text, finding.rule, finding.kind.value, finding.tier.value,
        finding.matters, tactic, finding.why, finding.tactic_reason, finding.purpose, finding.rewritten,
        finding.raw.hex(" "), around,
    ]  # fmt: skip


FORM = Form("html", render, wants_around=True)
