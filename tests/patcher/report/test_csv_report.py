# SPDX-License-Identifier: GPL-2.0-or-later
"""Audits as CSV: what a spreadsheet reads is what was found."""

import csv
import io

from audit_samples import binary, finding, report

from patcher.auditing.model import AuditReport, FileReport
from patcher.report.csv_report import COLUMNS, render
from patcher.report.form import Options


def rows(audit: AuditReport) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO("".join(render(audit, Options())), newline="")))


def test_a_row_a_finding() -> None:
    found = rows(report())
    assert [(row["path"], row["address"], row["rule"]) for row in found] == [
        ("boot/vmlinuz", "0xc0100010", "pushf"),
        ("boot/vmlinuz", "0xc0100020", "pushf"),
        ("boot/vmlinuz", "0xc0100011", "cli"),
    ]
    assert tuple(found[0]) == COLUMNS
    assert found[2]["file_offset"] == ""


def test_a_name_is_never_a_formula() -> None:
    file = FileReport("=cmd()", 1, "00" * 32, (binary(finding(function='@x,"y"\n')),))
    (row,) = rows(AuditReport((file,)))
    assert (row["path"], row["function"]) == ("'=cmd()", '\'@x,"y"\\x0a')


def test_a_name_steers_nothing() -> None:
    """Neither a terminal nor the direction of writing; and it can always be written."""
    for evil, shown in (("\t=1", "\\x09=1"), ("\x1b[2J", "\\x1b[2J"), ("a\u202eb", "a\\u202eb"), ("\udcff", "\\udcff")):
        file = FileReport("a", 1, "00" * 32, (binary(finding(function=evil)),))
        (row,) = rows(AuditReport((file,)))
        assert row["function"] == shown
