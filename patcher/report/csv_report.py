# SPDX-License-Identifier: GPL-2.0-or-later
"""The CSV form of an audit (RFC 4180): a header, then a row a finding."""

import csv
import io
from collections.abc import Iterator
from typing import Final

from patcher.auditing.model import AuditReport, BinaryReport, Finding
from patcher.report.form import Form, Options
from patcher.report.words import printable

COLUMNS: Final = (
    "path", "program", "address", "file_offset", "section", "function", "function_offset", "mode", "bytes",
    "text", "rule", "kind", "tier", "ring", "matters", "why", "tactic", "tactic_reason", "purpose", "rewritten",
    "fingerprint",
)  # fmt: skip
_FORMULA: Final = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""The last four are the wide forms of the first, which some spreadsheets take for them."""


def render(report: AuditReport, options: Options) -> Iterator[str]:
    """A line a finding; what could not be read is on no line."""
    yield _line(COLUMNS)
    for file in report.files:
        for binary in file.binaries:
            for finding in binary.findings:
                yield _line(_row(file.path, binary, finding))


def _row(path: str, binary: BinaryReport, finding: Finding) -> tuple[str, ...]:
    offset = "" if finding.file_offset is None else f"{finding.file_offset:#x}"
    return (
        path, binary.name, f"{finding.address:#x}", offset, finding.section, finding.function,
        f"{finding.function_offset:#x}", str(finding.mode), finding.raw.hex(" "), finding.text, finding.rule,
        finding.kind.value, finding.tier.value, str(finding.ring), "yes" if finding.matters else "no",
        finding.why, finding.tactic.value if finding.tactic else "", finding.tactic_reason, finding.purpose,
        finding.rewritten, finding.fingerprint,
    )  # fmt: skip


def _line(cells: tuple[str, ...]) -> str:
    """One line. A cell that a spreadsheet would take for a formula gets an apostrophe: names come from the file."""
    text = io.StringIO()
    shown = map(printable, cells)
    csv.writer(text).writerow("'" + cell if cell.startswith(_FORMULA) else cell for cell in shown)
    return text.getvalue()


FORM = Form("csv", render)
