# SPDX-License-Identifier: GPL-2.0-or-later
"""What the assembler says about every statement, against cases worked out by hand."""

import pytest

from vmm.bench.audit.listing import ListingError, parse
from vmm.bench.audit.sensitive import is_sensitive
from vmm.bench.audit.statements import one_a_line, without_comment
from vmm.bench.audit.truth import Start, What, sections, statements


def label(listed: str, mode: int = 32) -> list[tuple[str, int, str, str, int, Start | None]]:
    return [
        (s.section, s.offset, s.raw.hex(), s.what.value, s.mode, s.start)
        for s in statements(parse(listed.splitlines()), mode)
    ]


def test_each_statement_gets_a_line() -> None:
    assert one_a_line('a: nop; .ascii ";#"; cli # last; not code\n/* x;\ny */ sti\n# 3 "f.c" 1\n').splitlines() == [
        "a: nop", '\t .ascii ";#"', "\t cli # last; not code", "  sti",
    ]  # fmt: skip


def test_a_comment_is_told_from_a_string() -> None:
    assert without_comment('\t.ascii "#1"  # @code nop') == ('.ascii "#1"', "@code nop")


def test_code_data_and_padding() -> None:
    listed = """\
   1                                         \t.text
   2 0000 9C                                  \tf:\tpushf
   3 0001 58                                  \tpop %eax
   4 0002 0FA2                                \t.byte 0x0f, 0xa2
   5 0004 8DB42600 00000000                   \t.p2align 4
   6 0010 C3                                  \tret
"""
    # The padding is short here on purpose: only its kind is looked at.
    assert label(listed) == [
        (".text", 0, "9c", "code", 32, Start(1, "pushf")),
        (".text", 1, "58", "code", 32, Start(1, "pop %eax")),
        (".text", 2, "0fa2", "data", 32, None),
        (".text", 4, "8db4260000000000", "padding", 32, None),
        (".text", 16, "c3", "code", 32, Start(1, "ret")),
    ]


def test_bytes_go_on_in_lines_without_text() -> None:
    listed = """\
   1 0000 68656C6C 6F206865                  \t.ascii "hello hello"
   1      6C6C6F
   2 000b 90                                  \tnop
"""
    assert label(listed) == [
        (".text", 0, b"hello hello".hex(), "data", 32, None),
        (".text", 11, "90", "code", 32, Start(1, "nop")),
    ]


def test_warnings_are_passed_over() -> None:
    listed = """\
****  Warning: 0x10000 shortened to 0
   1 0000 A00000                              \tmovb 0x10000, %al
"""
    assert label(listed, 16) == [(".text", 0, "a00000", "code", 16, Start(3, "movb 0x10000, %al"))]


def test_macros_and_repetitions_are_labelled_by_their_own_lines() -> None:
    listed = """\
   1                                         \t.rept 2
   2                                         \tcli
   3 0000 FA                                  \t.endr
   3 0000 FA                                  \t>  cli
   3 0001 FA                                  \t>  cli
   4                                         \ttwo $5
   4 0002 9C                                  \t>  pushf
   4 0003 6A05                                \t>  push $5
"""
    assert [(offset, raw) for _, offset, raw, *_ in label(listed)] == [
        (0, "fa"),
        (1, "fa"),
        (2, "9c"),
        (3, "6a05"),
    ]


def test_sections_and_modes_are_followed() -> None:
    listed = """\
   1 0000 90                                  \tnop
   2                                         \t.section .text.hot,"ax"
   3                                         \t.code16
   4 0000 FA                                  \tcli
   5                                         \t.pushsection .rodata
   6 0000 01                                  \t.byte 1
   7                                         \t.popsection
   8                                         \t.code64
   9 0001 FB                                  \tsti
  10                                         \t.previous
  11 0001 F4                                  \thlt
"""
    assert [(section, offset, mode) for section, offset, _, _, mode, _ in label(listed)] == [
        (".text", 0, 32), (".text.hot", 0, 16), (".rodata", 0, 16), (".text.hot", 1, 64), (".text", 1, 64),
    ]  # fmt: skip


def test_notes_say_what_directives_do_not() -> None:
    listed = """\
   1 0000 EB                                  \t.byte 0xeb # @spans 2 jmp .+1
   2 0001 FFC0                                \t.byte 0xff,0xc0 # @code inc %eax
   3 0003 FA                                  \tcli # @data
"""
    assert [(offset, what, start) for _, offset, _, what, _, start in label(listed)] == [
        (0, "code", Start(2, "jmp .+1")), (1, "code", Start(2, "inc %eax")), (3, "data", None),
    ]  # fmt: skip


def test_prefixes_of_their_own_begin_the_next_instruction() -> None:
    listed = """\
   1 0000 F3                                  \trep
   2 0001 6C                                  \tinsb
"""
    assert label(listed) == [(".text", 0, "f36c", "code", 32, Start(2, "rep insb"))]


@pytest.mark.parametrize(
    ("listed", "complaint"),
    [
        ("nonsense", "The assembler's listing has a line that is not understood: 'nonsense'."),
        ("   2      90", "Line 2 of the assembler's listing continues a line that is not there."),
        (
            "   1                  \t.intel_syntax noprefix",
            ".intel_syntax noprefix is not understood in sources of the corpora.",
        ),
        ("   1 0000 F3           \trep", "Nothing follows the prefixes at the end of section .text."),
        ("   1 0000 F3           \t.byte 0xf3 # @cod nop", "@cod is no note on a statement: '.byte 0xf3'."),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_refused(listed: str, complaint: str) -> None:
    with pytest.raises(ListingError) as error:
        label(listed)
    assert str(error.value) == complaint


def test_a_gap_between_statements_is_refused() -> None:
    listed = "   1 0000 90          \tnop\n   2 0002 90          \tnop\n"
    with pytest.raises(ListingError) as error:
        sections(statements(parse(listed.splitlines()), 32))
    assert str(error.value) == "In .text a statement lies at 0x2 where 0x1 was expected."


@pytest.mark.parametrize(
    "text",
    [
        "pushf", "pushfq", "popfl", "cli", "in %dx, %al", "inb $0x60, %al", "rep insb", "outsl", "rep outsl",
        "cpuid", "sgdtl (%eax)", "sidt (%rax)", "str %eax", "strl %eax", "smsw %ax", "lmsw %ax",
        "mov %ds, %eax", "movl %eax, %cr0", "mov %db7, %rax", "pop %fs", "push %cs", "lar %ax, %eax",
        "verr (%eax)", "lcall *(%eax)", "ljmpl $8, $0x1000", "lret", "lretq", "iretq", "int $0x80", "int3",
        "into", "bound %eax, (%edi)", "sysretq", "swapgs", "wrmsr", "lss (%esp), %esp", "ds ds rdtsc",
        "rdfsbase %rax", "movw %ss, (%eax)", "hlt",
    ],
)  # fmt: skip
def test_sensitive_texts(text: str) -> None:
    assert is_sensitive(text)


@pytest.mark.parametrize(
    "text",
    [
        "nop", "mov %eax, %ebx", "mov %fs:0x10, %eax", "mov %eax, %gs:(%ebx)", "push %eax", "pop %ebx",
        "ret", "retq", "call *%eax", "jmp foo", "inc %eax", "shl $3, %eax", "lea (%eax,%ebx,2), %ecx",
        "pusha", "popa", "cld", "std", "cmc", "movs %ds:(%esi), %es:(%edi)", "rep stosb", "fldcw (%eax)",
        "lock pushf", "rdrand %eax", "rdseed %eax", "ud2", "lock addl $1, (%eax)", "endbr64",
        "movabs $5, %rax", "stosl", "incl (%eax)", "strange", "insertps",
    ],
)  # fmt: skip
def test_ordinary_texts(text: str) -> None:
    assert not is_sensitive(text)


def test_kinds_are_three() -> None:
    assert [kind.value for kind in What] == ["code", "data", "padding"]
