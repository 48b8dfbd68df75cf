# SPDX-License-Identifier: GPL-2.0-or-later
"""The text form of an audit, for people: a table of all programs, then what was found, by function."""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Final

from patcher.auditing.model import AuditReport, BinaryReport, CodeLine, FileReport, Finding, Tier
from patcher.report.form import Form, Options
from patcher.report.words import closed_by, many, place_of, printable, summary_of, totals, unread, verdict_of

_HEADINGS: Final = ("FILE", "FORMAT", "RING", "CODE", "SEEN", "HOLES", "TRAPPING", "VERDICT")
_BOLD, _RED, _DIM, _PLAIN = "\x1b[1m", "\x1b[31m", "\x1b[2m", "\x1b[0m"


def render(report: AuditReport, options: Options) -> Iterator[str]:
    """Lines; each has its newline."""
    programs = [(file, binary) for file in report.files for binary in file.binaries]
    yield from _table([_HEADINGS, *(summary_of(file, binary) for file, binary in programs)])
    yield "\n" * bool(programs) + totals(report) + "\n"
    for file, binary in programs:
        if binary.findings or binary.verdict.reasons or binary.notes:
            yield from _program(file, binary, options)
    if report.unreadable:
        yield "\nNot read:\n"
        yield from (f"  {unread(one)}\n" for one in report.unreadable)


def _table(rows: list[tuple[str, ...]]) -> Iterator[str]:
    if len(rows) == 1:
        return
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    for row in rows:
        cells = (cell.rjust(width) if n in (2, 3, 4, 5, 6) else cell.ljust(width) for n, (cell, width)
                 in enumerate(zip(row, widths, strict=True)))  # fmt: skip
        yield "  ".join(cells).rstrip() + "\n"


def _program(file: FileReport, binary: BinaryReport, options: Options) -> Iterator[str]:
    yield f"\n{_paint(place_of(file, binary), _BOLD, options)}: {verdict_of(binary.verdict)}\n"
    if binary.ring != 3 and binary.user_verdict != binary.verdict:
        yield f"  as user code: {verdict_of(binary.user_verdict)}\n"
    yield from (f"  - {printable(reason)}\n" for reason in binary.verdict.reasons)
    yield from (f"  note: {printable(note)}\n" for note in binary.notes)
    shown = [finding for finding in binary.findings if finding.matters or options.verbose]
    for function, findings in groupby(shown, key=_function):
        yield f"  {_paint(printable(function), _BOLD, options)}\n"
        for finding in findings:
            yield from _finding(finding, options)
    yield from _legend(shown, options)
    yield from _hidden(len(binary.findings) - len(shown), bool(shown), binary.ring)


def _hidden(number: int, beside: bool, ring: int) -> Iterator[str]:
    """How many are not shown, beside some that are or alone."""
    if number:
        does, them = ("does", "it") if number == 1 else ("do", "them")
        what = f"{number} more" if beside else many(number, "finding")
        yield f"  {what} {does} no harm in ring {ring}; -v shows {them}.\n"


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
    yield closed_by(finding)
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
