# SPDX-License-Identifier: GPL-2.0-or-later
"""Steps that are taken for never made: harmless behind them, or a reason against the verdict."""

import pytest
from audit_code import program

from guests.build import build
from patcher.auditing.auditor import audit_binary, audit_bytes
from patcher.auditing.model import Status
from patcher.auditing.options import AuditOptions

_JUNK = ".byte 0x0f, 0x04\n"  # no instruction
_REASON = "A step that is taken for never made leads to a hole at {:#x}."

_BRANCH = "testl %eax, %eax\njz junk\nret\njunk: nop\n{}\n" + _JUNK
_RETURN = "call other\n{}\n" + _JUNK + "other: ret\n"
_FARTHER = (
    "testl %eax, %eax\njz junk\nret\njunk: jmp more\n.byte 0xff, 0xff\nmore: call deep\n"
    + _JUNK
    + "deep: {}\n"
    + _JUNK
)


def reasons(text: str, ring: int = 0) -> tuple[str, ...]:
    verdict = audit_binary(program(text, ring=ring), AuditOptions()).verdict
    assert (verdict.status is Status.NOT_PROVABLY) == bool(verdict.reasons)
    return verdict.reasons


_TRAP = "ud2\n{}\n" + _JUNK
_WAITING = "call other\nint3\n{}\n" + _JUNK + "other: hlt\njmp other\n"
_NAMED = "movl $junk, %ebx\nret\njunk: pushl %ebp\nmovl %esp, %ebp\n{}\nleave\n" + _JUNK
_INSIDE = "movl $inside, %ebx\n.byte 0xa9\ninside: {}\nnop\nnop\nnop\nret\n"
_ENTRY = (
    ".byte 0xa9\ninside: {}\nnop\nnop\nnop\nmovl table(,%eax,4), %eax\njmpl *%eax\n"
    "first: ret\ntable: .long first, inside\n"
)

_STEPS = [
    (_BRANCH, 0x10006), (_RETURN, 0x10005), (_FARTHER, 0x10010),
    (_TRAP, 0x10002), (_WAITING, 0x10006), (_NAMED, 0x10009), (_INSIDE, 0x10006), (_ENTRY, 0x10001),
]  # fmt: skip


@pytest.mark.parametrize(("text", "hole"), _STEPS)
def test_a_hole_behind_a_step_that_was_not_followed_is_a_reason(text: str, hole: int) -> None:
    assert reasons(text.format("pushfl")) == (_REASON.format(hole),)


@pytest.mark.parametrize("text", [text for text, _ in _STEPS])
def test_what_does_no_harm_there_is_none(text: str) -> None:
    assert reasons(text.format("cli")) == ()  # traps by itself
    assert reasons(text.format("pushfl"), ring=3) == ()  # tells nothing in ring 3


def test_overlapping_functions_of_which_one_was_chosen() -> None:
    """The second call goes into the middle of what the first one calls: its return leads to the worse reading."""
    called = "b8 9c 58 c3 90 c3"
    first, second = "e8 15 00 00 00", "e8 11 00 00 00"
    code = bytes.fromhex(first + second + "c3").ljust(0x1A, b"\x90") + bytes.fromhex(called)
    found = audit_binary(program(code, ring=0), AuditOptions())
    assert not found.findings
    assert found.verdict.reasons == (_REASON.format(0x1001B),)


def test_many_steps_that_lead_to_nothing_are_no_hole() -> None:
    code = b"\x74\x04\x0f\x0b\x0f\x0b" * 5000 + b"\xc3"  # je over ud2, behind which another one stands
    assert audit_binary(program(code, ring=0), AuditOptions()).verdict.reasons == ()


def test_a_callee_of_a_fixed_address_counts_though_too_little_stands_there_to_be_taken_for_code() -> None:
    """The guest calls far through a word in an image without sections; what it calls is a load and a return."""
    (found,) = audit_bytes(build("redpills"), "redpills", AuditOptions()).binaries
    assert found.verdict.status is Status.NOT_PROVABLY
    assert found.verdict.reasons[0].startswith("A step that is taken for never made leads to a hole at 0x")
