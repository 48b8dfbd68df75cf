# SPDX-License-Identifier: GPL-2.0-or-later
"""The reports of shards as one: the same as that of a run over everything."""

from collections.abc import Iterable

from patcher.auditing.many import Outcome, report_of
from patcher.auditing.model import AuditReport
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
    merged = report_of(outcomes.values())
    return AuditReport(merged.files, merged.unreadable, skipped)


def _outcomes(report: AuditReport) -> Iterable[Outcome]:
    """What each path's outcome was; members of an archive belong to the file on disk."""
    found: dict[str, Outcome] = {}
    for file in report.files:
        path = file.path.partition("!")[0]
        known = found.get(path, Outcome(path))
        found[path] = Outcome(path, (*known.files, file), known.unreadable)
    for one in report.unreadable:
        path = one.path.partition("!")[0]
        known = found.get(path, Outcome(path))
        found[path] = Outcome(path, known.files, (*known.unreadable, one))
    return found.values()
