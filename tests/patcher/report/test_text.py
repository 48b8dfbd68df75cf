# SPDX-License-Identifier: GPL-2.0-or-later
"""The text form: a line a program, findings by function, and no byte of a file that moves a cursor."""

from audit_samples import binary, finding, report

from patcher.auditing.model import AuditReport, FileReport, Status, Verdict
from patcher.report.form import Options
from patcher.report.text import render


def text(of: AuditReport, **options: object) -> str:
    return "".join(render(of, Options(**options)))  # type: ignore[arg-type]


def one(*findings: object, **changes: object) -> AuditReport:
    return AuditReport((FileReport("kernel", 1, "", (binary(*findings, **changes),)),))  # type: ignore[arg-type]


def test_a_line_a_program_and_the_sums() -> None:
    lines = text(report()).splitlines()
    assert lines[0].split() == ["FILE", "FORMAT", "RING", "CODE", "SEEN", "HOLES", "TRAPPING", "VERDICT"]
    assert lines[1].startswith("boot/vmlinuz (setup)  elf, 16 bit")
    assert lines[2].split()[1:9] == ["elf,", "32", "bit", "0", "8.0", "KiB", "80%", "2"]
    assert "2 files, 3 programs; 7 without x86 code; 1 not read." in lines
    assert lines[-2:] == ["Not read:", "  broken.exe is truncated."]


def test_findings_stand_below_their_function() -> None:
    lines = text(one(finding(), finding(0xC010_0020, purpose="interrupt-flag save"))).splitlines()
    at = lines.index("  save_flags")
    assert lines[at + 1].split() == ["c0100010", "+0x10", "9c", "pushfd", "pushf,", "trap"]
    assert lines[at + 2].endswith("pushf, trap, interrupt-flag save")
    assert lines[at + 3] == "       2 × pushf: The guest sees the real interrupt flag."


def test_harmless_findings_are_counted_and_shown_when_asked_for() -> None:
    harmless = one(finding(matters=False, tactic=None))
    assert "  1 finding does no harm in ring 0; -v shows it." in text(harmless).splitlines()
    hidden = harmless.files[0].binaries[0].findings
    assert "  1 more does no harm in ring 0; -v shows it." in text(one(finding(), *hidden)).splitlines()
    assert "  2 more do no harm in ring 0; -v shows them." in text(one(finding(), *hidden * 2)).splitlines()
    assert "harmless here" not in text(harmless)
    assert "pushf, harmless here" in text(harmless, verbose=True)


def test_verbose_shows_the_code_around() -> None:
    lines = text(report(), verbose=True).splitlines()
    assert (
        "            > c0100010  9c                             pushfd                           -> int3"
        in lines
    )
    assert "              A jump would cover a branch target." in lines


def test_what_cannot_be_closed_is_told() -> None:
    assert "pushf, cannot be closed, rewritten by .altinstructions" in text(
        one(finding(tactic=None, rewritten=".altinstructions"))
    )


def test_reasons_and_notes_are_told() -> None:
    verdict = Verdict(Status.NOT_PROVABLY, 1, ("A path leaves the file.",))
    lines = text(one(verdict=verdict, notes=("no symbols",))).splitlines()
    assert "kernel: not provably virtualizable" in lines
    assert "  - A path leaves the file." in lines
    assert "  note: no symbols" in lines


def test_names_move_no_cursor() -> None:
    hostile = one(finding(function="\x1b[2Jevil\nname", text="\x1b[m", why="\x1b[m"), notes=("a\rb",))
    assert "\x1b" not in text(hostile)
    assert "\\x1b[2Jevil\\x0aname" in text(hostile)
    assert "a\\x0db" in text(hostile)


def test_colour_is_for_terminals() -> None:
    assert "\x1b[31mpushfd" in text(one(finding()), colour=True)


def test_an_empty_audit_is_a_sentence() -> None:
    assert text(AuditReport(())) == "0 files, 0 programs.\n"
