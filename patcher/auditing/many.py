# SPDX-License-Identifier: GPL-2.0-or-later
"""Audits of everything that was named: files, folders and archives, one file at a time through a runner.

`audit_many` is the one place where many files meet. Its `runner` decides who works: the default takes one file after
the other in this process; a pool or a cluster maps the same function over the same tasks.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from patcher.archive.shown import shown_path
from patcher.archive.walk import files
from patcher.auditing.model import AuditReport
from patcher.auditing.options import AuditOptions
from patcher.auditing.task import Outcome, Task, audit_task

__all__ = [
    "Outcome",
    "Runner",
    "Task",
    "Work",
    "audit_many",
    "audit_task",
    "in_order",
    "report_of",
    "tasks_of",
]


Work = Callable[[Task], Outcome]
Runner = Callable[[Work, Iterable[Task]], Iterator[Outcome]]


def in_order(work: Work, tasks: Iterable[Task]) -> Iterator[Outcome]:
    """The runner that needs nothing: one after the other, here."""
    return map(work, tasks)


def audit_many(
    tasks: Iterable[Task],
    options: AuditOptions,
    runner: Runner = in_order,
    tell: Callable[[Outcome], object] = lambda outcome: None,
) -> AuditReport:
    """Audit what `tasks_of` gives; the report's files are in the order of their paths. `tell` hears of every file."""
    outcomes = []
    for outcome in runner(partial(audit_task, options=options), tasks):
        tell(outcome)
        outcomes.append(outcome)
    return report_of(outcomes)


def _shown(outcome: Outcome) -> str:
    return shown_path(Path(outcome.path))


def report_of(outcomes: Iterable[Outcome], name: Callable[[Outcome], str] = _shown) -> AuditReport:
    """One report of what became of all tasks, in whatever order they ended; sorted by what `name` gives."""
    ordered = sorted(outcomes, key=name)
    return AuditReport(
        files=tuple(file for outcome in ordered for file in outcome.files),
        unreadable=tuple(one for outcome in ordered for one in outcome.unreadable),
        skipped=sum(outcome.skipped for outcome in ordered),
    )


def tasks_of(paths: Iterable[str]) -> Iterator[Task]:
    """Every file that the paths mean, once; a folder means all regular files below it."""
    seen: set[tuple[int, int]] = set()
    for path in paths:
        for file, named in files(path):
            mark = _identity(file)
            if mark is None or mark not in seen:
                seen.update([mark] if mark else [])
                yield Task(os.fspath(file), named)


def _identity(path: os.PathLike[str]) -> tuple[int, int] | None:
    """Two names of one file are audited once."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino
