# SPDX-License-Identifier: GPL-2.0-or-later
"""The text form of an audit, for people: a table of all programs, then what was found, by function."""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Final

from patcher.auditing.model import (
    AuditReport,
    BinaryReport,
    CodeLine,
    FileReport,
    Finding,
    Kind,
    Status,
    Tier,
    Unreadable,
    Verdict,
)
from patcher.auditing.options import SURE
from patcher.report.form import Form, Options

_HEADINGS: Final = ("FILE", "FORMAT", "RING", "CODE", "SEEN", "HOLES", "TRAPPING", "VERDICT")
_BOLD, _RED, _DIM, _PLAIN = "\x1b[1m", "\x1b[31m", "\x1b[2m", "\x1b[0m"


def render(report: AuditReport, options: Options) -> Iterator[str]:
    """Lines; each has its newline."""
    programs = [(file, binary) for file in report.files for binary in file.binaries]
    yield from _table([_HEADINGS, *(_row(file, binary) for file, binary in programs)])
    yield from _totals(report, len(programs))
    for file, binary in programs:
        if binary.findings or binary.verdict.reasons or binary.notes:
            yield from _program(file, binary, options)
    if report.unreadable:
        yield "\nNot read:\n"
        yield from (f"  {_unread(one)}\n" for one in report.unreadable)


def _unread(one: Unreadable) -> str:
    """The sentence, and in front of it the path when it does not begin with it."""
    return printable(one.reason if one.reason.startswith(one.path) else f"{one.path}: {one.reason}")


def printable(text: str) -> str:
    """Text from a file, without what would move a terminal's cursor."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def _row(file: FileReport, binary: BinaryReport) -> tuple[str, ...]:
    sure = [finding for finding in binary.findings if finding.tier in SURE]
    holes = sum(finding.needs_patch for finding in sure)
    traps = sum(finding.matters and finding.kind is Kind.PRIVILEGED for finding in sure)
    return (
        place_of(file, binary), f"{printable(binary.format)}, {binary.mode} bit", str(binary.ring),
        _size(binary.coverage.code), _seen(binary), str(holes), str(traps), _verdict(binary.verdict),
    )  # fmt: skip


def place_of(file: FileReport, binary: BinaryReport) -> str:
    """A program's place: the file, and its name in there."""
    return printable(f"{file.path} ({binary.name})" if binary.name else file.path)


def _seen(binary: BinaryReport) -> str:
    """How much of the code was followed from entries, padding and data left out."""
    cover = binary.coverage
    code = cover.code - cover.padding - cover.data
    return f"{100 * cover.followed // code}%" if code > 0 else "-"


def _size(count: int) -> str:
    for unit, shift in (("MiB", 20), ("KiB", 10)):
        if count >= 1 << shift:
            return f"{count / (1 << shift):.1f} {unit}"
    return f"{count} B"


def _verdict(verdict: Verdict) -> str:
    text = verdict.status.value
    if verdict.status is Status.AFTER_PATCHING:
        text += f" ({verdict.sites} site{'s' * (verdict.sites != 1)})"
    return text


def _table(rows: list[tuple[str, ...]]) -> Iterator[str]:
    if len(rows) == 1:
        return
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    for row in rows:
        cells = (cell.rjust(width) if n in (2, 3, 4, 5, 6) else cell.ljust(width) for n, (cell, width)
                 in enumerate(zip(row, widths, strict=True)))  # fmt: skip
        yield "  ".join(cells).rstrip() + "\n"


def _totals(report: AuditReport, programs: int) -> Iterator[str]:
    said = [f"{_many(len(report.files), 'file')}, {_many(programs, 'program')}"]
    if report.skipped:
        said.append(f"{report.skipped} without x86 code")
    if report.unreadable:
        said.append(f"{len(report.unreadable)} not read")
    yield "\n" * bool(programs) + "; ".join(said) + ".\n"


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'s' * (count != 1)}"


def _program(file: FileReport, binary: BinaryReport, options: Options) -> Iterator[str]:
    yield f"\n{_paint(place_of(file, binary), _BOLD, options)}: {_verdict(binary.verdict)}\n"
    if binary.ring != 3 and binary.user_verdict != binary.verdict:
        yield f"  as user code: {_verdict(binary.user_verdict)}\n"
    yield from (f"  - {printable(reason)}\n" for reason in binary.verdict.reasons)
    yield from (f"  note: {printable(note)}\n" for note in binary.notes)
    shown = [finding for finding in binary.findings if finding.matters or options.verbose]
    for function, findings in groupby(shown, key=_function):
        yield f"  {_paint(printable(function), _BOLD, options)}\n"
        for finding in findings:
            yield from _finding(finding, options)
    yield from _legend(shown, options)
    if len(shown) < len(binary.findings):
        yield f"  {len(binary.findings) - len(shown)} more do no harm in ring {binary.ring}; -v shows them.\n"


def _function(finding: Finding) -> str:
    return finding.function or f"(in {finding.section or 'no section'})"


def _finding(finding: Finding, options: Options) -> Iterator[str]:
    text = _paint(f"{printable(finding.text):<32}", _RED if finding.needs_patch else "", options)
    yield (
        f"    {finding.address:>8x}  +{finding.function_offset:<#7x} {finding.raw.hex(' '):<21} {text} "
        f"{printable(', '.join(_words(finding)))}\n"
    )
    if options.verbose:
        yield f"              {printable(finding.why)}\n"
        if finding.tactic_reason and finding.matters:
            yield f"              {printable(finding.tactic_reason)}\n"
        yield from (f"{_code_line(line, finding)}\n" for line in finding.around)


def _words(finding: Finding) -> Iterator[str]:
    yield finding.rule
    if not finding.matters:
        yield "harmless here"
    elif finding.kind is Kind.PRIVILEGED:
        yield "traps"
    else:
        yield finding.tactic.value if finding.tactic is not None else "cannot be closed"
    if finding.tier is not Tier.CONFIRMED:
        yield finding.tier.value
    if finding.purpose:
        yield finding.purpose
    if finding.rewritten:
        yield f"rewritten by {finding.rewritten}"


def _code_line(line: CodeLine, finding: Finding) -> str:
    mark = ">" if line.address == finding.address else " "
    patched = f"-> {line.patched}" if line.patched else ""
    shown = f"{line.raw.hex(' '):<30} {line.text:<32} {patched}".rstrip()
    return f"            {mark} {line.address:>8x}  {printable(shown)}"


def _legend(findings: Iterable[Finding], options: Options) -> Iterator[str]:
    """What goes wrong, once for each rule."""
    if options.verbose:
        return
    counts = Counter((finding.rule, finding.why) for finding in findings)
    for (rule, why), count in sorted(counts.items()):
        yield f"  {count:>6} × {printable(f'{rule}: {why}')}\n"


def _paint(text: str, how: str, options: Options) -> str:
    return f"{how}{text}{_PLAIN}" if options.colour and how else text


FORM = Form("text", render)
