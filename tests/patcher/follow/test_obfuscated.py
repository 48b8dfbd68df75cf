# SPDX-License-Identifier: GPL-2.0-or-later
"""Code that hides: junk that swallows what follows, computed targets, bytes that run twice."""

import pytest
from followed import follow_bytes, followed

from patcher.binary.model import Section
from patcher.follow import ProblemKind

JUNK = ".byte 0xe8, 0x9c"  # a call whose displacement swallows what is behind it


@pytest.mark.parametrize(
    "jump",
    [
        "jmp on", "pushl $on\nret", "movl $on, %eax\njmpl *%eax",
        "movl $on-0x1234, %ecx\naddl $0x1234, %ecx\njmpl *%ecx", "pushl $on+0x77\nsubl $0x77, (%esp)\nret",
        "jz on\njnz on", "xorl %eax, %eax\njz on", "stc\njc on", "orl $1, %eax\njnz on",
        "movl $5, %ecx\ncmpl $4, %ecx\nja on", "call on", "jmpl *pointer",
    ],
)  # fmt: skip
def test_junk_behind_what_always_leaves(jump: str) -> None:
    found = followed(f"start: {jump}\njunk: {JUNK}\non: popl %eax\ncpuid\nret\npointer: .long on")
    assert "on" in found.reached()
    assert "junk" not in found.reached()
    assert found.sites() == {found.labels["on"] + 1}


def test_a_callee_that_returns_behind_the_bytes_after_its_call() -> None:
    found = followed("start: call skip\n.byte 0x9c, 0xfa, 0xb8\non: pushfl\nret\nskip: addl $3, (%esp)\nret")
    assert found.sites() == {found.labels["on"]}


def test_a_loop_that_starts_with_a_constant_is_not_settled_by_it() -> None:
    found = followed("""
start: xorl %ecx, %ecx
loop: testl %ecx, %ecx
    jnz done
    incl %ecx
    jmp loop
done: cpuid
    ret
""")
    assert "done" in found.reached()


def test_both_readings_of_bytes_that_run_twice() -> None:
    code = bytes.fromhex("ebff c0 c3")  # jmp .+1; inc eax; ret
    found = follow_bytes(code, {"start": 0x401000, "inside": 0x401001})
    assert found.reached() == {"start", "inside"}
    assert found.problems() == {ProblemKind.OVERLAP}


def test_a_constant_that_is_entered_by_a_jump() -> None:
    found = followed("""
start: xorl %ecx, %ecx
    .byte 0xb8
inside: pushfl
    popl %edx
    nop
    nop
    testl %ecx, %ecx
    jnz done
    incl %ecx
    jmp inside
done: cli
    ret
""")
    assert found.sites() == {found.labels["inside"], found.labels["done"]}


def test_steps_of_equal_size() -> None:
    found = followed("""
start: andl $1, %eax
    shll $4, %eax
    addl $first, %eax
    jmpl *%eax
    .balign 0x10
first: cpuid
    ret
    .balign 0x10
second: cli
    ret
""")
    assert {"first", "second"} <= found.reached()


def test_a_settled_branch_that_is_entered_through_a_pointer() -> None:
    found = followed("""
start: movl $inside, 0x500000
    xorl %eax, %eax
inside: testl %eax, %eax
    jnz done
    ret
done: cpuid
    ret
""")
    assert found.sites() == {found.labels["done"]}


def test_a_call_of_a_constant_that_is_no_code_of_the_file() -> None:
    data = Section(".data", 0x500000, memoryview(b"\xc3"), 1, False, True, 32, None)
    for target, kind in ((0x7C00, ProblemKind.OUTSIDE), (0x500000, ProblemKind.BAD_PATH)):
        text = f"start: movl ${target:#x}, %eax\ncalll *%eax\nret"
        assert followed(text, data=(data,)).problems() == {kind}
        assert followed(text, data=(data,), imports=(target,)).problems() == set()
    assert followed("start: movl $0, %eax\ncalll *%eax\nret").problems() == set()  # a weak symbol that nobody defined


def test_what_is_open_in_a_function_that_is_only_named() -> None:
    """It is followed on trial, and is as open as in one that is called."""
    text = "start: movl $handler, 0x500000\nret\n.balign 0x10\nhandler: pushl %ebp\nmovl %esp, %ebp\n{}"
    assert followed(text.format("addl %ecx, %eax\njmpl *%eax")).problems() == {ProblemKind.UNRESOLVED_JUMP}
    assert followed(text.format("movl $0x7c00, %eax\ncalll *%eax\nleave\nret")).problems() == {ProblemKind.OUTSIDE}
    assert followed(text.format("leave\nret")).problems() == set()
