# SPDX-License-Identifier: GPL-2.0-or-later
"""The audit of one file's contents: read into programs, followed, judged."""

from hashlib import sha256

import patcher.binary
from patcher.auditing.code_map import CodeMap
from patcher.auditing.findings import Findings
from patcher.auditing.model import BinaryReport, FileReport, Finding, Span
from patcher.auditing.options import SURE, AuditOptions
from patcher.auditing.surroundings import with_surroundings
from patcher.auditing.verdict import Judge
from patcher.binary.model import Binary
from patcher.binary.raw import read_com, read_raw
from patcher.deadline import NEVER, Deadline
from patcher.errors import PatcherError
from patcher.follow.model import Budget


def audit_bytes(data: bytes, name: str, options: AuditOptions) -> FileReport:
    """Audit a file's contents. Raises `PatcherError` when they are in no known format or damaged."""
    deadline = Deadline(options.seconds_for(len(data)))
    binaries = programs(data, name, options)
    reports = tuple(audit_binary(binary, options, deadline) for binary in binaries)
    return FileReport(name, len(data), sha256(data).hexdigest(), reports)


def programs(data: bytes, name: str, options: AuditOptions) -> tuple[Binary, ...]:
    """Every program in a file's contents; the whole as raw bytes when that is chosen."""
    if options.max_memory is not None and len(data) > options.max_memory:
        raise PatcherError(
            f"{name} has {len(data)} bytes, and the limit for one file is {options.max_memory}."
        )
    if options.raw is not None:
        raw = options.raw
        return (read_raw(data, name, raw.bits, raw.base, raw.entry),)
    if name.lower().endswith(".com") and patcher.binary.detect(data) is None:
        return (read_com(data, name),)  # DOS programs that nothing but their name tells
    return patcher.binary.read(data, name)


def audit_binary(binary: Binary, options: AuditOptions, deadline: Deadline = NEVER) -> BinaryReport:
    """Audit one program."""
    code = mapped(binary, options, deadline)
    maker = Findings(code, options, deadline)
    findings = tuple(maker.all())
    ring = options.ring_of(binary.privilege)
    judge = Judge(code, options.iopl, deadline, judged=not maker.left_out.keys() & SURE)
    return BinaryReport(
        name=binary.name,
        format=binary.format,
        mode=binary.mode,
        privilege=binary.privilege,
        ring=ring,
        coverage=code.flow.coverage,
        findings=_shown(code, findings, options, deadline),
        verdict=judge.verdict(maker.holes[ring], ring),
        user_verdict=judge.verdict(maker.holes[3], 3),
        notes=(*binary.notes, *maker.notes()),
        layout=tuple(Span(s.name, s.address, s.end, s.executable) for s in binary.sections),
    )


def mapped(binary: Binary, options: AuditOptions, deadline: Deadline = NEVER) -> CodeMap:
    """A program with where control goes in it."""
    from patcher.follow import follow

    return CodeMap(binary, follow(binary, Budget(deadline=deadline, everything=options.everything)))


def _shown(
    code: CodeMap, findings: tuple[Finding, ...], options: AuditOptions, deadline: Deadline
) -> tuple[Finding, ...]:
    return with_surroundings(code, findings, options.around, deadline) if options.around else findings
