# SPDX-License-Identifier: GPL-2.0-or-later
"""Known patterns: each row of the table is told from the assembler's code, and not from its near miss."""

import pytest
from audit_code import findings, program

from patcher.auditing.purpose import PATTERNS

TOGGLE = "pushfl\npopl %eax\nmovl %eax,%ecx\nxorl $0x200000,%eax\npushl %eax\npopfl\npushfl\npopl %eax\nret"

#: rule, ring, code, purpose
CASES = [
    ("sidt", 3, "subl $8,%esp\nsidtl (%esp)\nmovl 2(%esp),%eax\nshrl $0x18,%eax\ncmpl $0xd0,%eax\nret", "red pill"),
    ("sidt", 0, "sidtl (%esp)\ncmpb $0xd0,5(%esp)\nret", "red pill"),
    ("sidt", 0, "sidtl (%esp)\nret", ""),
    ("sgdt", 3, "sgdtl (%esp)\nret", "red pill"),
    ("sldt", 3, "sldtl %eax\nret", "red pill"),
    ("str", 3, "strl %eax\nret", "red pill"),
    ("smsw", 3, "smswl %eax\nret", "red pill"),
    ("smsw", 0, "smswl %eax\nret", ""),
    ("cpuid", 3, "movl $0x40000000,%eax\ncpuid\nret", "red pill"),
    ("cpuid", 3, "movl $0x1,%eax\ncpuid\nret", "CPU identification"),
    ("in-eax-dx", 3, "movl $0x564d5868,%eax\nmovw $0x5658,%dx\ninl %dx,%eax\nret", "red pill"),
    ("in-eax-dx", 3, "movl $0x564d5868,%ebx\nmovl $0x5658,%ecx\nmovl %ecx,%edx\ninl %dx,%eax\nret", "red pill"),
    ("in-eax-dx", 3, "movl $0x564d5869,%ebx\nmovl $0x5658,%ecx\nmovl %ecx,%edx\ninl %dx,%eax\nret", ""),
    ("xgetbv", 3, "xorl %ecx,%ecx\nxgetbv\nret", "CPU identification"),
    ("pushf", 3, TOGGLE, "CPU identification"),
    ("popf", 0, TOGGLE, "CPU identification"),
    ("popf", 0, TOGGLE.replace("0x200000", "0x40000"), "CPU identification"),
    ("popf", 3, TOGGLE.replace("0x200000", "0x800"), ""),
    ("pushf", 3, "pushfl\norl $0x100,(%esp)\npopfl\nnop\nret", "debugger check"),
    ("popf", 3, "pushfl\norb $0x1,1(%esp)\npopfl\nnop\nret", "debugger check"),
    ("popf", 3, "pushfl\norl $0x1,(%esp)\npopfl\nnop\nret", ""),
    ("int3", 3, "int3\nret", "debugger check"),
    ("int1", 0, ".byte 0xf1\nret", "debugger check"),
    ("pushf", 0, "pushfl\npopl %eax\ncli\nret", "interrupt-flag save"),
    ("pushf", 0, "pushfl\ncli\nmovl %eax,%ebx\npopfl\nret", "interrupt-flag save"),
    ("pushf", 3, "pushfl\npopl %eax\nret", ""),
    ("cli", 0, "pushfl\npopl %eax\ncli\nret", "interrupt-flag save"),
    ("cli", 0, "cli\nret", ""),
    ("popf", 0, "pushl %eax\npopfl\nret", "interrupt-flag restore"),
    ("popf", 0, "popfl\nret", ""),
    ("int-n", 3, "movl $0x1,%eax\nint $0x80\nret", "kernel entry"),
    ("int-n", 3, "int $0x2e\nret", "kernel entry"),
    ("int-n", 3, "int $0x21\nret", ""),
    ("sysenter", 3, "movl %esp,%ecx\nsysenter", "kernel entry"),
    ("sysexit", 0, "sti\nsysexit", "return to user"),
    ("iret", 0, "iretl", "return from an interrupt"),
    ("rdtsc", 3, "rdtsc\nmovl %eax,%ebx\nnop\nrdtsc\nsubl %ebx,%eax\nret", "timing check"),
    ("rdtsc", 3, "rdtsc\nmovl %eax,%ebx\nret", ""),
    ("mov-cr-r", 0, "movl %cr0,%eax\nmovl %eax,%cr0\n.byte 0xea,0x11,0,1,0,8,0\nnop\nnop\nnop", "mode switch"),
    ("mov-cr-r", 0, "orl $0x80000000,%eax\nmovl %eax,%cr0\nret", "paging"),
    ("mov-cr-r", 0, "movl %eax,%cr3\nret", "paging"),
    ("mov-cr-r", 0, "movl %eax,%cr4\nret", ""),
    ("invlpg", 0, "invlpg (%eax)\nret", "paging"),
    ("hlt", 0, "again:\nhlt\njmp again", "halt loop"),
    ("hlt", 0, "hlt\nret", ""),
    ("hlt", 3, "again:\nhlt\njmp again", "abort"),
    ("out-n-al", 0, "movb $0x11,%al\noutb %al,$0x20\nret", "port probe: PIC"),
    ("in-al-n", 0, "inb $0x71,%al\nret", "port probe: CMOS and RTC"),
    ("out-dx-al", 0, "movw $0x3fb,%dx\nmovb $0x80,%al\noutb %al,%dx\nret", "port probe: UART"),
    ("in-eax-dx", 0, "movl $0xcfc,%edx\ninl %dx,%eax\nret", "port probe: PCI configuration"),
    ("in-al-dx", 0, "movl $0xcfc,%edx\naddl %ecx,%edx\ninb %dx,%al\nret", ""),
    ("out-n-al", 0, "outb %al,$0x80\nret", "port probe: POST code or delay"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "ring", "text", "purpose"), CASES)
def test_a_pattern_is_told(rule: str, ring: int, text: str, purpose: str) -> None:
    found = [finding for finding in findings(program(text, ring=ring)) if finding.rule == rule]
    assert found
    assert found[0].purpose == purpose


@pytest.mark.parametrize(
    ("bits", "vector", "purpose"), [(16, 0x10, "BIOS call"), (16, 0x21, ""), (32, 0x10, "")]
)
def test_a_call_of_the_bios_is_told(bits: int, vector: int, purpose: str) -> None:
    found = [f for f in findings(program(f"int ${vector:#x}\nret", bits)) if f.rule == "int-n"]
    assert [finding.purpose for finding in found] == [purpose]


def test_every_pattern_has_a_case() -> None:
    told = {purpose for _, _, _, purpose in CASES} | {"BIOS call"}
    assert {name for name, _, _ in PATTERNS} - told == set()
