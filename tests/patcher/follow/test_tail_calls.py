# SPDX-License-Identifier: GPL-2.0-or-later
"""Jumps through pointers: those that leave a function are calls, the others are problems."""

import pytest
from followed import BASE, followed

from patcher.follow import ProblemKind

_UNRESOLVED = {ProblemKind.UNRESOLVED_JUMP}


def _problems(function: str, bits: int = 32) -> set[ProblemKind]:
    return followed(f"start: call f\nhlt\nf: {function}", bits).problems()


@pytest.mark.parametrize(
    "function",
    [
        "movl 4(%esp), %eax\njmpl *8(%eax)",
        "pushl %ebp\nmovl %esp, %ebp\nmovl 8(%ebp), %eax\nsubl $8, %esp\nleave\njmpl *%eax",
        "pushl %ebx\nsubl $8, %esp\nmovl (%edx), %ecx\naddl $8, %esp\npopl %ebx\njmpl *%ecx",
        "pushl %ebx\nleal -8(%esp), %esp\nleal 8(%esp), %esp\npopl %ebx\njmpl *%edx",
        "testl %eax, %eax\njz there\nincl %ecx\nthere: jmpl *4(%edx)",
    ],
)
def test_a_jump_that_leaves_the_stack_as_the_caller_did_is_a_call(function: str) -> None:
    assert _problems(function) == set()


@pytest.mark.parametrize(
    "function",
    [
        "pushl %ebx\nmovl (%edx), %eax\njmpl *%eax",
        "subl $8, %esp\nmovl (%edx), %ecx\naddl $4, %esp\njmpl *%ecx",
        "movl (%edx), %ecx\nmovl %ecx, %esp\njmpl *%ecx",
        "movl (%edx), %ecx\nmovl %ebp, %esp\njmpl *%ecx",
        "movl (%edx,%ecx,4), %ecx\njmpl *%ecx",
        "movl (%edx), %ecx\naddl $5, %ecx\njmpl *%ecx",
        "movb (%edx), %cl\njmpl *%ecx",
    ],
)
def test_other_jumps_stay_unresolved(function: str) -> None:
    assert _problems(function) == _UNRESOLVED


def test_64_bit_code() -> None:
    assert _problems("pushq %rbx\nmovq (%rdi), %rax\npopq %rbx\njmpq *%rax", 64) == set()
    assert _problems("pushq %rbx\nmovq (%rdi), %rax\njmpq *%rax", 64) == _UNRESOLVED


ELSEWHERE = 0x500000


def test_a_jump_to_what_an_object_leaves_to_its_linker_is_a_call() -> None:
    text = f"start: call f\njmp start\nf: jmp {ELSEWHERE:#x}"
    at = (followed(text).labels["f"] + 1,)
    assert followed(text, fields=at).problems() == {ProblemKind.OUTSIDE}
    assert followed(text, fields=at, imports=(ELSEWHERE,)).problems() == set()


def test_a_call_of_it_that_ends_its_section_does_not_return() -> None:
    text = f"start: call {ELSEWHERE:#x}"
    assert followed(text, fields=(BASE + 1,), imports=(ELSEWHERE,)).problems() == set()
