# SPDX-License-Identifier: GPL-2.0-or-later
"""The reports of shards as one: the same as that of a run over everything."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from patcher.auditing.many import Outcome, report_of
from patcher.auditing.model import AuditReport, BinaryReport, FileReport, Unreadable
from patcher.errors import PatcherError


def merge(reports: Iterable[AuditReport]) -> AuditReport:
    """One report of all files. A file in two of them must have the same findings, and then counts once.

    Raises `PatcherError` when two reports say different things about one file.
    """
    outcomes: dict[str, Outcome] = {}
    skipped = 0
    for report in reports:
        skipped += report.skipped
        for outcome in _outcomes(report):
            known = outcomes.setdefault(outcome.path, outcome)
            if known != outcome:
                raise PatcherError(
                    f"Two reports differ about {outcome.path}; it was changed between the runs."
                )
    merged = report_of(outcomes.values(), lambda outcome: outcome.path)  # as reports show it
    return AuditReport(merged.files, merged.unreadable, skipped)


def _outcomes(report: AuditReport) -> Iterable[Outcome]:
    """What each path's outcome was; members of an archive belong to the file on disk."""
    found: dict[str, tuple[list[FileReport], list[Unreadable]]] = defaultdict(lambda: ([], []))
    for file in report.files:
        found[file.path.partition("!")[0]][0].append(file)
    for one in report.unreadable:
        found[one.path.partition("!")[0]][1].append(one)
    return [Outcome(path, tuple(files), tuple(lost)) for path, (files, lost) in found.items()]


def without_surroundings(report: AuditReport) -> AuditReport:
    """The report without the instructions around findings, which those of shards have for forms that show them."""
    return replace(report, files=tuple(map(_bare_file, report.files)))


def _bare_file(file: FileReport) -> FileReport:
    return replace(file, binaries=tuple(map(_bare, file.binaries)))


def _bare(binary: BinaryReport) -> BinaryReport:
    return replace(binary, findings=tuple(replace(finding, around=()) for finding in binary.findings))
