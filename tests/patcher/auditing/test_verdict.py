# SPDX-License-Identifier: GPL-2.0-or-later
"""Verdicts: what is proved, what is not, and that not everything is called unprovable."""

from dataclasses import replace

import pytest
from audit_code import BASE, mapped, program

from patcher.auditing.auditor import audit_binary
from patcher.auditing.code_map import CodeMap
from patcher.auditing.model import BinaryReport, Status, Tier
from patcher.auditing.options import AuditOptions
from patcher.auditing.verdict import Hole, Judge
from patcher.binary.model import Binary, Rewritten
from patcher.follow.model import Problem, ProblemKind

AS_IS, PATCHED, UNPROVED = Status.AS_IS, Status.AFTER_PATCHING, Status.NOT_PROVABLY


def audited(binary: Binary, **options: object) -> BinaryReport:
    return audit_binary(binary, AuditOptions(**options))  # type: ignore[arg-type]


def judged(
    binary: Binary, problem: ProblemKind | None = None, gaps: tuple[tuple[int, int], ...] = ()
) -> tuple[str, ...]:
    """The reasons against a program without holes, given what following it did not settle."""
    code = mapped(binary)
    problems = () if problem is None else (Problem(BASE, 32, problem, ""),)
    return Judge(CodeMap(binary, replace(code.flow, problems=problems, gaps=gaps)), 0).verdict((), 0).reasons


@pytest.mark.parametrize(
    ("text", "ring", "status", "sites", "user"),
    [
        ("nop\nret", 0, AS_IS, 0, AS_IS),
        ("cli\nhlt\nret", 0, AS_IS, 0, AS_IS),
        ("pushfl\ncli\npopfl\nret", 0, PATCHED, 2, AS_IS),
        ("sgdtl (%eax)\npushfl\nret", 0, PATCHED, 2, PATCHED),
        ("pushfl\npopl %eax\nret", 3, AS_IS, 0, AS_IS),
        ("movl %cs,%eax\nint $0x80\nret", 3, AS_IS, 0, AS_IS),
        ("cpuid\nret", 3, PATCHED, 1, PATCHED),
        ("call *%eax\nret", 3, AS_IS, 0, AS_IS),
    ],
)
def test_verdicts(text: str, ring: int, status: Status, sites: int, user: Status) -> None:
    report = audited(program(text, ring=ring))
    assert (report.verdict.status, report.verdict.sites, report.verdict.reasons) == (status, sites, ())
    assert report.user_verdict.status is user


def test_the_ring_can_be_told() -> None:
    binary = program("pushfl\nret", ring=3)
    assert audited(binary, cpl=0).verdict.status is PATCHED
    assert audited(binary, iopl=3).verdict.status is PATCHED


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (ProblemKind.BAD_PATH, "1 followed path ends in what is no instruction, first at 0x10000."),
        (ProblemKind.UNKNOWN_MODE, "1 far transfer goes to code whose size is not known, first at 0x10000."),
        (ProblemKind.OVERLAP, "1 instruction overlaps others on a followed path, first at 0x10000."),
        (ProblemKind.OUTSIDE, "1 path leaves what the file holds, first at 0x10000."),
        (ProblemKind.BUDGET, "The limit for one file was reached before all was followed."),
    ],
)
def test_what_was_not_settled_is_a_reason(kind: ProblemKind, reason: str) -> None:
    assert judged(program("nop\nret"), kind) == (reason,)


def test_a_jump_that_nothing_explains_needs_a_hole_to_go_to() -> None:
    """Bytes that no path reaches: no hole, a hole, one inside an instruction, one inside what is no code."""
    jump = b"\xff\xe0"
    for hidden, found in (
        (b"\x90\x90\xc3", None),
        (b"\x90\x0f\xa2\xc3", 0x10003),
        (b"\xb8\x0f\xa2\x90\x90\xc3", None),
        (b"\xb8\x0f\xa2\x90\x90\x0f\x04", 0x10003),
    ):
        binary = program(jump + hidden)
        gaps = ((BASE + 2, BASE + 2 + len(hidden)),)
        reasons = judged(binary, ProblemKind.UNRESOLVED_JUMP, gaps)
        if found is None:
            assert not reasons
        else:
            assert reasons == (
                "1 jump goes where nothing tells, first at 0x10000, and a hole could be decoded in bytes that no "
                f"path reaches, first at {found:#x}.",
            )
        assert not judged(binary, None, gaps)


def test_code_that_can_change_is_not_proved() -> None:
    writable = program("nop\nret", ring=3, writable=True)
    assert judged(writable) == (".text at 0x10000 holds code and can be written.",)
    assert not judged(program("nop\nret", ring=0, writable=True))
    rewritten = program("nop\nret", rewritten=(Rewritten(BASE, BASE + 1, ".altinstructions"),))
    assert judged(rewritten) == ("The program rewrites 1 place of its own code (.altinstructions 1).",)


@pytest.mark.parametrize("table", ["__mcount_loc", "__jump_table", ".smp_locks", ".static_call_sites"])
def test_what_a_table_is_known_to_write_does_no_harm(table: str) -> None:
    assert not judged(program("nop\nret", rewritten=(Rewritten(BASE, BASE + 1, table),)))


def test_an_open_hole_is_not_proved() -> None:
    found = Judge(mapped(program("nop\nret")), 0).verdict([Hole(BASE, Tier.CONFIRMED, closable=False)], 0)
    assert (found.status, found.sites) == (UNPROVED, 1)
    assert found.reasons == ("1 hole lies in code that the program itself rewrites.",)


def test_code_without_an_entry_is_not_proved() -> None:
    assert "No entry into its code is known." in judged(program("nop\nret", entries=()))
