# SPDX-License-Identifier: GPL-2.0-or-later
"""The unit of work: one file on disk, audited with every file in it when it is an archive.

Whatever a file is, the outcome is a record. The limits are for each file: a member of an archive has its own.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from patcher.archive.shown import shown_path
from patcher.archive.walk import Found, Limits, contents, reason, walk_file
from patcher.auditing.auditor import audit_bytes
from patcher.auditing.limits import within
from patcher.auditing.model import FileReport, Unreadable
from patcher.auditing.options import AuditOptions
from patcher.binary import detect
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


def audit_task(task: Task, options: AuditOptions) -> Outcome:
    """Audit one file on disk, and every file in it. Raises nothing that a file could cause."""
    files, lost, skipped = list[FileReport](), list[Unreadable](), 0
    for found in _found(task, options):
        result = found if isinstance(found, Unreadable) else _audited(found, options)
        if isinstance(result, FileReport):
            files.append(result)
        elif isinstance(result, Unreadable):
            lost.append(result)
        else:
            skipped += 1
    return Outcome(task.path, tuple(files), tuple(lost), skipped)


def _found(task: Task, options: AuditOptions) -> Iterator[Found | Unreadable]:
    """The files that a task's file holds; what goes wrong on the way ends the walk with a sentence."""
    limits = Limits() if options.max_memory is None else Limits(member=options.max_memory)
    path = Path(task.path)
    shown = shown_path(path)
    steps = walk_file(path, task.named, limits) if options.raw is None else _as_it_is(path, shown, limits)
    while True:
        try:
            with _limits(shown, options, _size(path)):
                found = next(steps, None)
        except Exception as error:
            yield Unreadable(shown, _reason(error))
            return
        if found is None:
            return
        yield found


def _size(path: Path) -> int:
    """Bytes of a file; none where it cannot be read, of which the walk tells."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _as_it_is(path: Path, shown: str, limits: Limits) -> Iterator[Found | Unreadable]:
    """Raw bytes are no archive, whatever they look like."""
    try:
        yield Found(shown, contents(path, shown, limits.member), True)
    except (OSError, PatcherError) as error:
        yield Unreadable(shown, reason(shown, error))


def _audited(found: Found, options: AuditOptions) -> FileReport | Unreadable | None:
    """The report on one file, the reason why there is none, or None for what a folder holds besides programs."""
    try:
        with _limits(found.path, options, len(found.data)):
            if options.raw is None and not found.named and detect(found.data) is None:
                return None
            return audit_bytes(found.data, found.path, options)
    except NotX86 as error:
        return Unreadable(found.path, str(error)) if found.named else None
    except Exception as error:
        return Unreadable(found.path, _reason(error))


def _limits(name: str, options: AuditOptions, size: int) -> contextlib.AbstractContextManager[None]:
    if options.hard_limits:
        return within(name, options.seconds_for(size), options.max_memory)
    return contextlib.nullcontext()


def _reason(error: Exception) -> str:
    """A sentence. A fault of ours must not end the audit of ten thousand other files."""
    if isinstance(error, PatcherError):
        return str(error)
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return f"A fault of patchvisor: {type(error).__name__}: {error}"
