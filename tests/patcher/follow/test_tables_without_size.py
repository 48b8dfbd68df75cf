# SPDX-License-Identifier: GPL-2.0-or-later
"""Jump tables of which no comparison tells the size: they end where another object begins."""

from followed import followed

_READ = """
    movl %edi, %edi
    leaq {table}(%rip), %rdx
    movslq (%rdx,%rdi,4), %rax
    addq %rdx, %rax
    jmpq *%rax
"""
_CASES = (
    "\none: cpuid\nret\ntwo: pushfq\nret\nthree: cli\nret\n.balign 4\nwrong: .byte 0x9c, 0x9c, 0xc3, 0xc3\n"
)
_TABLE = "table: .long one-table, two-table\n"
_ANOTHER = "another: .long wrong-table, wrong-table, three-another\n"


def test_a_table_ends_where_the_next_one_begins() -> None:
    first = "start:" + _READ.format(table="table")
    second = "second:" + _READ.format(table="another")
    found = followed(first + second + _TABLE + _ANOTHER + _CASES, 64)
    assert {"one", "two"} <= found.reached()
    assert "wrong" not in found.reached()
    assert found.flow.jump_tables[0].end == found.labels["another"]


def test_the_same_when_a_mask_lets_the_index_name_more() -> None:
    first = "start: andl $7, %edi" + _READ.format(table="table")
    second = "second:" + _READ.format(table="another")
    found = followed(first + second + _TABLE + _ANOTHER + _CASES, 64)
    assert {"one", "two"} <= found.reached()
    assert "wrong" not in found.reached()


def test_a_mask_s_table_ends_at_what_is_no_code() -> None:
    text = "start: andl $7, %edi" + _READ.format(table="table") + _TABLE
    found = followed(text + ".long 0x40000000, wrong-table, wrong-table\n" + _CASES, 64)
    assert {"one", "two"} <= found.reached()
    assert "wrong" not in found.reached()


def test_a_comparison_tells_more_than_where_objects_begin() -> None:
    first = "start: cmpl $3, %edi\nja three" + _READ.format(table="table")
    second = "second: leaq middle(%rip), %rdx\nret\n"
    table = "table: .long one-table, two-table\nmiddle: .long last-table, one-table\n"
    found = followed(first + second + table + _CASES + "last: rdtsc\nret\n", 64)
    assert {"one", "two", "three", "last"} <= found.reached()


def test_a_table_ends_at_what_lies_inside_an_instruction() -> None:
    filler = "movl %ebx, %ecx\naddl %ecx, %edx\nmovl 8(%rsp), %esi\n" * 8
    text = (
        "start:" + _READ.format(table="table") + "one: cpuid\nret\ntwo: rdtsc\nret\n"
        f"function: {filler}long: movl $0xc39d9c90, %eax\nret\n.balign 4\n"
        "table: .long one-table, two-table, long-table+1, two-table\n"
    )
    found = followed(text, 64)
    assert {"one", "two"} <= found.reached()
    assert found.flow.jump_tables[0].end == found.labels["table"] + 8
