# SPDX-License-Identifier: GPL-2.0-or-later
"""Jump tables: how compilers and people read them, and that their bytes are no code."""

import pytest
from followed import BASE, followed

from patcher.follow import ProblemKind

_CASES = "\none: cpuid\nret\ntwo: pushfl\nret\nthree: cli\nret\nother: ret\n"
_CASES_64 = _CASES.replace("pushfl", "pushfq")
_ALL = {"start", "one", "two", "three", "other"}

ABSOLUTE = (
    """
start: cmpl $2, %eax
    ja other
    jmpl *table(,%eax,4)
table: .long one, two, three
    .long 0x9c9c9c9c
"""
    + _CASES
)

LOADED = (
    """
start: cmpl $2, %eax
    ja other
    movl table(,%eax,4), %edx
    jmpl *%edx
table: .long one, two, three
"""
    + _CASES
)

SHIFTED = (
    """
start: cmpl $2, %eax
    ja other
    shll $2, %eax
    addl $table, %eax
    movl (%eax), %eax
    jmpl *%eax
table: .long one, two, three
"""
    + _CASES
)

OFF_BY_THREE = (
    """
start: subl $3, %eax
    cmpl $2, %eax
    ja other
    jmpl *table(,%eax,4)
table: .long one, two, three
"""
    + _CASES
)

TWO_LEVELS = (
    """
start: cmpl $4, %eax
    ja other
    movzbl bytes(%eax), %eax
    jmpl *table(,%eax,4)
table: .long one, two, three
bytes: .byte 0, 2, 1, 0, 2
"""
    + _CASES
)

MASKED = (
    """
start: andl $1, %eax
    jmpl *table(,%eax,4)
table: .long one, two
    .long three
"""
    + _CASES
)

RELATIVE_64 = (
    """
start: cmpl $2, %edi
    ja other
    movl %edi, %edi
    leaq table(%rip), %rdx
    movslq (%rdx,%rdi,4), %rax
    addq %rdx, %rax
    .byte 0x3e
    jmpq *%rax
table: .long one-table, two-table, three-table
"""
    + _CASES_64
)

UNOPTIMIZED_64 = (
    """
start: cmpl $2, -4(%rbp)
    ja other
    movl -4(%rbp), %eax
    leaq 0(,%rax,4), %rdx
    leaq table(%rip), %rax
    movl (%rdx,%rax), %eax
    cltq
    leaq table(%rip), %rdx
    addq %rdx, %rax
    jmpq *%rax
table: .long one-table, two-table, three-table
"""
    + _CASES_64
)


@pytest.mark.parametrize("text", [ABSOLUTE, LOADED, SHIFTED, OFF_BY_THREE, TWO_LEVELS])
def test_tables_of_addresses(text: str) -> None:
    found = followed(text)
    assert found.reached() >= _ALL
    assert "table" not in found.reached()
    assert [table.address for table in found.flow.jump_tables] == [found.labels["table"]]
    assert found.problems() == set()


@pytest.mark.parametrize("text", [RELATIVE_64, UNOPTIMIZED_64])
def test_tables_of_distances(text: str) -> None:
    found = followed(text, 64)
    assert found.reached() >= _ALL
    assert found.flow.jump_tables[0].end - found.flow.jump_tables[0].address == 12


def test_a_mask_limits_a_table() -> None:
    found = followed(MASKED)
    assert {"one", "two"} <= found.reached()
    assert found.flow.jump_tables[0].end - found.flow.jump_tables[0].address == 8


def test_a_path_that_knows_the_index_does_not_narrow_the_table() -> None:
    found = followed(
        "start: xorl %eax, %eax\nloop: cmpl $2, %eax\nja other\njmpl *table(,%eax,4)\n"
        "table: .long one, two, three" + _CASES.replace("two: pushfl\nret", "two: pushfl\njmp loop")
    )
    assert found.reached() >= _ALL


def test_the_got_of_32_bit_position_independent_code() -> None:
    got = BASE + 0x800
    text = (
        f"""
start: call thunk
    addl ${got - BASE - 5:#x}, %ebx
    cmpl $1, %eax
    ja other
    movl table-{got:#x}(%ebx,%eax,4), %eax
    addl %ebx, %eax
    jmpl *%eax
thunk: movl (%esp), %ebx
    ret
table: .long one-{got:#x}, two-{got:#x}
"""
        + _CASES
    )
    assert {"one", "two", "other"} <= followed(text).reached()


def test_a_jump_that_nothing_tells_of_is_a_problem() -> None:
    found = followed("start: movl 8(%ecx), %eax\njmpl *%eax")
    assert found.problems() == {ProblemKind.UNRESOLVED_JUMP}


def test_labels_in_a_table_without_bound() -> None:
    found = followed(
        "start: movzbl (%esi), %eax\njmpl *table(,%eax,4)\none: cpuid\njmp start\ntwo: pushfl\n"
        "jmp start\ntable: .long one, two\n.long 0x20, 0x9c9c9c9c"
    )
    assert {"one", "two"} <= found.reached()


IMPLICIT = ("rep stosl", "cpuid", "cltd", "lodsb", "inb %dx, %al", "bswapl %eax", "rdtsc", "lahf", "outsb")


@pytest.mark.parametrize("between", IMPLICIT)
def test_what_writes_registers_that_it_does_not_name_leaves_the_others(between: str) -> None:
    text = f"start: movl $table, %ebp\n{between}\nmovzbl (%ecx), %eax\ncmpl $2, %eax\nja other\n"
    found = followed(text + "jmpl *(%ebp,%eax,4)\ntable: .long one, two, three" + _CASES)
    assert found.reached() >= _ALL
    assert [table.address for table in found.flow.jump_tables] == [found.labels["table"]]


@pytest.mark.parametrize(
    ("register", "writes"),
    [("edi", "rep stosl"), ("esi", "lodsb"), ("ebx", "cpuid"), ("edx", "cltd"), ("ecx", "rep movsb")],
)
def test_what_an_instruction_writes_without_naming_it_is_not_known(register: str, writes: str) -> None:
    found = followed(f"start: movl $one, %{register}\n{writes}\njmpl *%{register}\none: ret")
    assert found.problems() == {ProblemKind.UNRESOLVED_JUMP}


def test_a_path_that_knows_a_masked_index_does_not_narrow_a_ladder() -> None:
    found = followed(
        "start: xorl %eax, %eax\njz over\n.byte 0xb8\n"
        "over: andl $3, %eax\nshll $4, %eax\naddl $rungs, %eax\njmpl *%eax\n"
        ".balign 0x10, 0xcc\nrungs: cpuid\nret\n.balign 0x10, 0xcc\none: pushfl\nret\n.balign 0x10, 0xcc\ntwo: cli\nret"
    )
    assert {"rungs", "one", "two"} <= found.reached()
