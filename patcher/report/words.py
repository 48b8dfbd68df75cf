# SPDX-License-Identifier: GPL-2.0-or-later
"""What the forms for people say of programs and findings, and names from files without what would mislead a reader."""

from patcher.auditing.model import (
    AuditReport,
    BinaryReport,
    FileReport,
    Finding,
    Kind,
    Status,
    Unreadable,
    Verdict,
)
from patcher.auditing.options import SURE


def printable(text: str) -> str:
    """Text from a file, without what moves a terminal's cursor, turns the direction of writing or cannot be encoded."""
    return text if text.isprintable() else "".join(c if c.isprintable() else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def place_of(file: FileReport, binary: BinaryReport) -> str:
    """A program's place: the file, and its name in there."""
    return printable(f"{file.path} ({binary.name})" if binary.name else file.path)


def summary_of(file: FileReport, binary: BinaryReport) -> tuple[str, ...]:
    """Place, format, ring, size of the code, how much of it was followed, holes, what traps, verdict."""
    holes, traps = counts_of(binary)
    return (
        place_of(file, binary), f"{printable(binary.format)}, {binary.mode} bit", str(binary.ring),
        _size(binary.coverage.code), _seen(binary), str(holes), str(traps), verdict_of(binary.verdict),
    )  # fmt: skip


def counts_of(binary: BinaryReport) -> tuple[int, int]:
    """The confirmed and likely findings that matter: holes, and what traps by itself."""
    sure = [finding for finding in binary.findings if finding.tier in SURE and finding.matters]
    holes = sum(finding.needs_patch for finding in sure)
    return holes, len(sure) - holes


def _seen(binary: BinaryReport) -> str:
    """How much of the code was followed from entries, padding and data left out."""
    code = binary.coverage.code - binary.coverage.padding - binary.coverage.data
    return f"{100 * binary.coverage.followed // code}%" if code > 0 else "-"


def _size(count: int) -> str:
    for unit, shift in (("MiB", 20), ("KiB", 10)):
        if count >= 1 << shift:
            return f"{count / (1 << shift):.1f} {unit}"
    return f"{count} B"


def verdict_of(verdict: Verdict) -> str:
    """The verdict, with the number of sites where there are some to patch."""
    text = verdict.status.value
    if verdict.status is Status.AFTER_PATCHING:
        text += f" ({many(verdict.sites, 'site')})"
    return text


def totals(report: AuditReport) -> str:
    """One sentence on the whole audit."""
    programs = sum(len(file.binaries) for file in report.files)
    said = [f"{many(len(report.files), 'file')}, {many(programs, 'program')}"]
    if report.skipped:
        said.append(f"{report.skipped} without x86 code")
    if report.unreadable:
        said.append(f"{len(report.unreadable)} not read")
    return "; ".join(said) + "."


def many(count: int, what: str) -> str:
    """A number and what it counts, whose plural is regular."""
    return f"{count} {what}{'s' * (count != 1)}"


def unread(one: Unreadable) -> str:
    """The sentence, and in front of it the path when it does not begin with it."""
    return printable(one.reason if one.reason.startswith(one.path) else f"{one.path}: {one.reason}")


def closed_by(finding: Finding) -> str:
    """How a site is closed, or why it need not or cannot be."""
    if not finding.matters:
        return "harmless here"
    if finding.kind is Kind.PRIVILEGED:
        return "traps"
    return finding.tactic.value if finding.tactic is not None else "cannot be closed"
