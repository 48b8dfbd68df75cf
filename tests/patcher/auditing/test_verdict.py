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
    binary: Binary,
    problem: ProblemKind | None = None,
    gaps: tuple[tuple[int, int], ...] = (),
    places: tuple[int, ...] = (0,),
) -> tuple[str, ...]:
    """The reasons against a program without holes, given what following it did not settle."""
    code = mapped(binary)
    problems = () if problem is None else tuple(Problem(BASE + at, 32, problem, "") for at in places)
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
        (ProblemKind.BAD_PATH, "1 followed path ends in what is no instruction, at 0x10000."),
        (ProblemKind.UNKNOWN_MODE, "1 far transfer goes to code whose size is not known, at 0x10000."),
        (ProblemKind.OVERLAP, "1 instruction overlaps others on a followed path, at 0x10000."),
        (ProblemKind.OUTSIDE, "1 path leaves what the file holds, at 0x10000."),
        (ProblemKind.BUDGET, "The limit for one file was reached before all was followed."),
    ],
)
def test_what_was_not_settled_is_a_reason(kind: ProblemKind, reason: str) -> None:
    assert judged(program("nop\nret"), kind) == (reason,)


def test_of_several_the_first_in_the_file_is_told() -> None:
    binary = program("nop\nnop\nret")
    assert judged(binary, ProblemKind.OUTSIDE, places=(2, 1)) == (
        "2 paths leave what the file holds, first at 0x10001.",
    )
    binary = program(b"\xff\xe0\xff\xe0\x0f\xa2\xc3", entries=(0, 2))
    (reason,) = judged(binary, ProblemKind.UNRESOLVED_JUMP, ((BASE + 4, BASE + 7),), (2, 0))
    assert reason.startswith("2 jumps go where nothing tells, first at 0x10000, and a hole")


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
                "1 jump goes where nothing tells, at 0x10000, and a hole could be decoded in bytes that no "
                f"path reaches, first at {found:#x}.",
            )
        assert not judged(binary, None, gaps)


def test_code_that_can_change_is_not_proved() -> None:
    writable = program("nop\nret", ring=3, writable=True)
    assert judged(writable) == (".text at 0x10000 holds code and can be written.",)
    assert not judged(program("nop\nret", ring=0, writable=True))
    rewritten = program("nop\nret", rewritten=(Rewritten(BASE, BASE + 1, ".unheard_of"),))
    assert judged(rewritten) == ("The program rewrites 1 place of its own code (.unheard_of 1).",)


ALTERNATIVES = ".altinstructions"


def copying(text: str, *places: tuple[int, int, int, int]) -> Binary:
    """A kernel with alternatives: start and end of each place, offset and size of what comes there."""
    rows = [
        Rewritten(BASE + start, BASE + end, ALTERNATIVES, BASE + at if size else 0, size, () if size else (BASE + end,))
        for start, end, at, size in places
    ]
    return program(text, rewritten=tuple(sorted(rows)))


@pytest.mark.parametrize(
    ("text", "place", "reasons"),
    [
        ("nop\nret\ncli", (0, 1, 2, 1), ()),
        ("nop\nret", (0, 1, 0, 0), ()),
        ("nop\nret\npushfl", (0, 1, 2, 1), (
            "1 hole lies in what the program copies over its code, which must be scanned again when that is done.",)),
        ("pushfl\nret\nnop", (0, 1, 2, 1), ("1 hole lies in code that the program itself rewrites.",)),
        ("nop\nret\nmovl $1,%eax\nret", (0, 1, 2, 4), (
            "The program rewrites 1 place of its own code (.altinstructions 1).",)),
        ("nop\nret\n.byte 0x0f,0xff", (0, 1, 2, 2), (
            "The program rewrites 1 place of its own code (.altinstructions 1).",)),
    ],
)  # fmt: skip
def test_what_is_copied_from_the_file_is_judged_as_it_will_be(
    text: str, place: tuple[int, int, int, int], reasons: tuple[str, ...]
) -> None:
    """Harmless, nothing, a hole, a hole that goes away, an instruction that does not end in it, and no instruction."""
    assert audited(copying(text, place)).verdict.reasons == reasons


def test_a_program_is_closed_around_what_it_rewrites() -> None:
    report = audited(copying("nop\npushfl\nmovl %eax,%ebx\nmovl %eax,%ebx\nret\ncli", (0, 1, 7, 1)))
    assert (report.verdict.status, report.verdict.sites) == (PATCHED, 1)


@pytest.mark.parametrize(
    ("bits", "release", "count"),
    [(32, (0, 0), 1), (32, (5, 9), 1), (32, (5, 10), 0), (64, (5, 12), 1), (64, (5, 13), 0), (64, (6, 1), 0)],
)
def test_what_paravirtual_calls_become_depends_on_the_kernel(
    bits: int, release: tuple[int, int], count: int
) -> None:
    rewritten = (Rewritten(BASE, BASE + 6, ".parainstructions"),)
    reasons = judged(program("call f\nnop\nf: ret", bits, rewritten=rewritten, release=release))
    assert len(reasons) == count


def test_a_table_in_no_known_form_proves_nothing() -> None:
    assert judged(program("nop\nret", unread=(ALTERNATIVES,))) == (
        "The program rewrites its own code by .altinstructions, which is in no known form.",
    )


def test_tables_that_contradict_themselves_prove_nothing() -> None:
    """A place that is copied over itself."""
    assert judged(copying("nop\nret", (0, 1, 0, 1)))


@pytest.mark.parametrize("table", ["__mcount_loc", "__jump_table", ".smp_locks", ".static_call_sites"])
def test_what_a_table_is_known_to_write_does_no_harm(table: str) -> None:
    assert not judged(program("nop\nret", rewritten=(Rewritten(BASE, BASE + 1, table),)))


def test_an_open_hole_is_not_proved() -> None:
    found = Judge(mapped(program("nop\nret")), 0).verdict([Hole(BASE, Tier.CONFIRMED, closable=False)], 0)
    assert (found.status, found.sites) == (UNPROVED, 1)
    assert found.reasons == ("1 hole lies in code that the program itself rewrites.",)


def test_code_without_an_entry_is_not_proved() -> None:
    assert "No entry into its code is known." in judged(program("nop\nret", entries=()))
