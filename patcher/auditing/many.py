# SPDX-License-Identifier: GPL-2.0-or-later
"""Audits of everything that was named: files, folders and archives, one file at a time through a runner.

`audit_many` is the one place where many files meet. Its `runner` decides who works: the default takes one file after
the other in this process; a pool or a cluster maps the same function over the same tasks.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from patcher.auditing.auditor import audit_bytes
from patcher.auditing.limits import within
from patcher.auditing.model import AuditReport, FileReport, Unreadable
from patcher.auditing.options import AuditOptions
from patcher.errors import NotX86, PatcherError


@dataclass(frozen=True, slots=True)
class Task:
    """A file on disk. `named`: the user named it, so that it must hold x86 code; a folder's files need not."""

    path: str
    named: bool = True


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one task: a report for each file in it, what was unreadable, and how many had no x86 code."""

    path: str
    files: tuple[FileReport, ...] = ()
    unreadable: tuple[Unreadable, ...] = ()
    skipped: int = 0


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


def report_of(outcomes: Iterable[Outcome]) -> AuditReport:
    """One report of what became of all tasks, in whatever order they ended."""
    ordered = sorted(outcomes, key=lambda outcome: outcome.path)
    return AuditReport(
        files=tuple(file for outcome in ordered for file in outcome.files),
        unreadable=tuple(one for outcome in ordered for one in outcome.unreadable),
        skipped=sum(outcome.skipped for outcome in ordered),
    )


def tasks_of(paths: Iterable[str]) -> Iterator[Task]:
    """Every file that the paths mean, once; a folder means all regular files below it, in order of their names."""
    seen: set[tuple[int, int]] = set()
    for path in paths:
        for task in _files_below(path) if os.path.isdir(path) else (Task(path),):
            mark = _identity(task.path)
            if mark is None or mark not in seen:
                seen.update([mark] if mark else [])
                yield task


def _identity(path: str) -> tuple[int, int] | None:
    """Two names of one file are audited once."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _files_below(folder: str) -> Iterator[Task]:
    for where, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = os.path.join(where, name)
            if os.path.isfile(path) and not os.path.islink(path):
                yield Task(path, named=False)


def audit_task(task: Task, options: AuditOptions) -> Outcome:
    """Audit one file on disk, and every file in it when it is an archive. Raises nothing that a file could cause."""
    try:
        if not options.hard_limits:
            return _audited(task, options)
        with within(task.path, options.max_seconds, options.max_memory):
            return _audited(task, options)
    except NotX86 as error:
        if not task.named:
            return Outcome(task.path, skipped=1)
        return Outcome(task.path, unreadable=(Unreadable(task.path, str(error)),))
    except PatcherError as error:
        return Outcome(task.path, unreadable=(Unreadable(task.path, str(error)),))
    except OSError as error:
        return Outcome(task.path, unreadable=(Unreadable(task.path, error.strerror or str(error)),))
    except Exception as error:  # a fault of ours must not end the audit of ten thousand other files
        reason = f"A fault of patchvisor: {type(error).__name__}: {error}"
        return Outcome(task.path, unreadable=(Unreadable(task.path, reason),))


def _audited(task: Task, options: AuditOptions) -> Outcome:
    size = os.stat(task.path).st_size
    if options.max_memory is not None and size > options.max_memory:
        raise PatcherError(f"It has {size} bytes, and the limit for one file is {options.max_memory}.")
    with open(task.path, "rb") as file:
        data = file.read()
    from patcher.binary import detect

    if options.raw is None and not task.named and detect(data) is None:
        return Outcome(task.path, skipped=1)
    return Outcome(task.path, (audit_bytes(data, task.path, options),))
