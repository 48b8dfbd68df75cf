# SPDX-License-Identifier: GPL-2.0-or-later
"""Audits for programs: `from patcher import audit, scan_image`."""

import os
from collections.abc import Iterable
from dataclasses import replace

from patcher.auditing.auditor import mapped, programs
from patcher.auditing.findings import Findings
from patcher.auditing.many import Runner, audit_many, in_order, tasks_of
from patcher.auditing.model import AuditReport, Coverage, ScanResult
from patcher.auditing.options import AuditOptions, Raw
from patcher.binary.model import Binary
from patcher.deadline import Deadline

__all__ = ["audit", "scan_image"]

_DEFAULT = AuditOptions()


def scan_image(data: bytes, *, raw: Raw | None = None, options: AuditOptions = _DEFAULT) -> ScanResult:
    """Every sensitive instruction in what `data`, a file's contents, holds.

    `raw` says how bytes in no format are to be read. Addresses are those at which the code believes to run.
    A file of several programs (a bzImage) has a result with all findings, and one for each in `parts`.
    Raises `PatcherError` with a sentence when the bytes are in no known format, or damaged.
    """
    chosen = replace(options, raw=raw or options.raw)
    deadline = Deadline(chosen.seconds_for(len(data)))
    parts = tuple(_scanned(binary, chosen, deadline) for binary in programs(data, "the image", chosen))
    if len(parts) == 1:
        return parts[0]
    return ScanResult(
        name="",
        format=parts[0].format,
        mode=parts[0].mode,
        findings=tuple(finding for part in parts for finding in part.findings),
        coverage=_sum(part.coverage for part in parts),
        notes=tuple(note for part in parts for note in part.notes),
        parts=parts,
    )


def _scanned(binary: Binary, options: AuditOptions, deadline: Deadline) -> ScanResult:
    code = mapped(binary, options, deadline)
    maker = Findings(code, options, deadline)
    findings, notes = tuple(maker.all()), (*binary.notes, *maker.notes())
    return ScanResult(binary.name, binary.format, binary.mode, findings, code.flow.coverage, notes)


def _sum(coverages: Iterable[Coverage]) -> Coverage:
    columns = zip(*((one.code, one.followed, one.swept, one.padding, one.data) for one in coverages), strict=True)
    return Coverage(*map(sum, columns))


def audit(
    path: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    options: AuditOptions = _DEFAULT,
    runner: Runner = in_order,
) -> AuditReport:
    """Audit a file, a folder with all below it, or several of them, with a verdict for each program.

    What cannot be read is in the report's `unreadable`; nothing is raised for it. The limits in `options` hold for
    each file; only with `hard_limits` they also end what is stuck, by a signal and the process's own limits.
    """
    paths = [path] if isinstance(path, str | os.PathLike) else list(path)
    return audit_many(tasks_of(os.fspath(one) for one in paths), options, runner)
