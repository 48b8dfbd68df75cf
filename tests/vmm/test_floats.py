# SPDX-License-Identifier: GPL-2.0-or-later
"""Unmasked floating-point exceptions beside everything else that runs instructions alone or interrupts them."""

import pytest

from guests.build import expand, image
from vmm.machine import Machine

POLICIES = ("fast", "trap")
START = """
.include "start.s"
.include "clock.s"
.equ BUF, 0x187000
main:
    movl %cr0, %eax
    orl $0x22, %eax
    movl %eax, %cr0
    movl %cr4, %eax
    orl $0x600, %eax
    movl %eax, %cr4
    fninit
    movl $0x1d80, BUF           # divide by zero unmasked, in both
    ldmxcsr BUF
    movw $0x37b, BUF
    fldcw BUF
"""


def run(body: str, policy: str) -> None:
    """The guest must find everything as it expects it."""
    kernel = image(expand(f"{START}{body}\n    finish\n", "floats"), "floats")
    with Machine(kernel=kernel, memory=8, policy=policy, no_reboot=True) as machine:
        report = machine.run(timeout=60)
    assert report.exit_status == 33, report.message + report.serial


@pytest.mark.parametrize("policy", POLICIES)
def test_a_store_to_the_page_that_it_runs_on(policy: str) -> None:
    """The x87 changes the immediate of an instruction behind it, a thousand times."""
    run(
        """
    fld1
    movl $0x0, %ebx
    movl $0x3e8, %ecx
again:
    movl %ecx, BUF
    fildl BUF
    fistpl changed+0x1
    jmp changed
changed:
    movl $0x0, %eax
    addl %eax, %ebx
    decl %ecx
    jnz again
    movl %ebx, %eax
    expect "sum of 1 to 1000", $0x7a314
""",
        policy,
    )


@pytest.mark.parametrize("policy", POLICIES)
def test_single_steps_see_every_instruction(policy: str) -> None:
    run(
        """
    movl $0x0, BUF+0x10
    handle 0x1, count
    movl $stepped_end, BUF+0x14
    xorps %xmm1, %xmm1
    pushl $0x102
    popfl
    fld1
    addps %xmm1, %xmm1
    fldz
    fstp %st(0)
    movd %eax, %xmm2
stepped_end:
    nop
    movl BUF+0x10, %eax
    expect "steps", $0x5
    jmp stepped_out
count:
    incl BUF+0x10
    movl F_EIP(%ebp), %eax
    cmpl %eax, BUF+0x14
    jne count_end
    andl $~0x100, F_EFLAGS(%ebp)
count_end:
    ret
stepped_out:
""",
        policy,
    )


@pytest.mark.parametrize("policy", POLICIES)
def test_interrupts_come_between_and_an_error_stays_with_its_instruction(policy: str) -> None:
    run(
        """
    call pic_setup
    handle 0x20, tick
    movl $0x4a9, %eax           # about 1 kHz
    call pit_setup
    movb $0xfe, %al
    outb %al, $0x21
    movl $0x0, BUF+0x10
    movl $0x0, BUF+0x14
    handle 0x13, divided
    fldz
    movl $0x3f800000, %eax
    movd %eax, %xmm2
    xorps %xmm3, %xmm3
    sti
ticking:
    fld1
    faddp
    movaps %xmm2, %xmm4
divides:
    divss %xmm3, %xmm4
divided_by:
    incl BUF+0x18
    cmpl $0x14, BUF+0x10
    jb ticking
    cli
    fistpl BUF+0x1c
    movl BUF+0x1c, %eax
    expect "additions", BUF+0x18
    movl BUF+0x14, %eax
    expect "divisions by zero", BUF+0x18
    jmp ticked
tick:
    incl BUF+0x10
    movb $0x20, %al
    outb %al, $0x20
    ret
divided:
    incl BUF+0x14
    cmpl $divides, F_EIP(%ebp)
    jne divided_wrong
    movl $divided_by, F_EIP(%ebp)
    ret
divided_wrong:
    movl $0x0, BUF+0x14
    ret
ticked:
""",
        policy,
    )


@pytest.mark.parametrize("policy", POLICIES)
def test_a_hot_stub_with_floating_point_neighbours(policy: str) -> None:
    run(
        """
    fldz
    movl $0x1000, %ecx
hot:
    pushfl
    fld1
    faddp
    popl %eax
    decl %ecx
    jnz hot
    fistpl BUF
    movl BUF, %eax
    expect "additions", $0x1000
    movl $0x37f, BUF            # the same once more with everything masked
    fldcw BUF
    movl $0x1f80, BUF
    ldmxcsr BUF
    fldz
    movl $0x1000, %ecx
hot_again:
    pushfl
    fld1
    faddp
    popl %eax
    decl %ecx
    jnz hot_again
    fistpl BUF
    movl BUF, %eax
    expect "additions, masked", $0x1000
""",
        policy,
    )


@pytest.mark.parametrize("policy", POLICIES)
def test_an_instruction_over_a_page_edge_and_a_wait_with_prefixes(policy: str) -> None:
    run(
        """
    xorps %xmm1, %xmm1
    movl $0x3f800000, BUF
    movss BUF, %xmm0
    movl $edge, %eax
    jmp *%eax
.balign 0x1000, 0x90
    .rept 0xfea                 # and 20 bytes of the macro before the instruction
    nop
    .endr
edge:
    faults "over the edge", 0x13, 0x0, "divss %xmm1, %xmm0"
    movl $0x37b, BUF
    fldz
    fld1
    fdiv %st(1), %st
    faults "a prefix and a wait", 0x10, 0x0, ".byte 0x66, 0x2e, 0x9b"
""",
        policy,
    )
