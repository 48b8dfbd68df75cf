# SPDX-License-Identifier: GPL-2.0-or-later
"""Machines whose ring 3 runs with alignment checks: nothing else may change, and the checks end when they must."""

import dataclasses

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from guests.build import expand, image
from vmm.machine import Machine
from vmm.report.run_report import ExitReason, RunReport

SCRATCH, PAGE = 0x187000, 0x1000
CLEAR, SET = 0x2, 0x40002
OF_THE_HOST = {"seconds_guest", "seconds_monitor", "tlb_fills"}

FRAME = """
.include "start.s"
.equ AC, {flags}
main:
    movl %cr0, %eax
    orl $0x40022, %eax          # AM, NE, MP
    movl %eax, %cr0
    movl %cr4, %eax
    orl $0x600, %eax
    movl %eax, %cr4
    fninit
{prelude}
    in_user program, AC
    movl $0x10, %eax
    jmp exit
{handlers}
.set USER, 0x1
program:
{body}
    to_kernel
"""


def kernel(body: str, flags: int, prelude: str = "", handlers: str = "") -> bytes:
    text = FRAME.format(body=body, flags=f"{flags:#x}", prelude=prelude, handlers=handlers)
    return image(expand(text, "alignment"), "alignment")


# --- the same with and without


def _at(step: int, size: int) -> st.SearchStrategy[str]:
    """Addresses with room for `size` bytes on both sides."""
    return st.integers(0x40 // step, (0xE00 - size) // step).map(lambda n: f"{SCRATCH + n * step:#x}")


REGISTERS = st.sampled_from(("eax", "ebx", "ecx", "edx", "esi", "edi", "ebp"))
HALVES = st.sampled_from(("ax", "bx", "cx", "dx", "si", "di", "bp"))
NUMBERS = st.integers(0, 0xFFFF_FFFF).map(hex)
LINES = st.one_of(
    st.builds("movl {}, %{}".format, _at(4, 4), REGISTERS),
    st.builds("addl %{}, {}".format, REGISTERS, _at(4, 4)),
    st.builds("sbbw {}, %{}".format, _at(2, 2), HALVES),
    st.builds("movb %al, {}".format, _at(1, 1)),
    st.builds("rorl $0x7, {}".format, _at(4, 4)),
    st.builds("movl ${}, %{}".format, NUMBERS, REGISTERS),
    st.builds("imull ${}, %{}, %{}".format, NUMBERS, REGISTERS, REGISTERS),
    st.builds("pushl %{}\n popl %{}".format, REGISTERS, REGISTERS),
    st.builds("pushl {}\n popl {}".format, _at(4, 4), _at(4, 4)),
    st.builds("pushw %{}\n pushw %{}\n popl %{}".format, HALVES, HALVES, REGISTERS),
    st.just("pushal\n addl $0x4, (%esp)\n popal"),
    st.just("movl %esp, %ebp\n enter $0x10, $0x2\n movl %eax, -0xc(%ebp)\n leave"),
    st.just("pushfl\n andl $0xad5, (%esp)\n orl $AC, (%esp)\n popfl"),
    st.just("cld"),
    st.just("std"),
    st.builds("movl ${}, %esi\n movl ${}, %edi\n movl $0x9, %ecx\n rep movsl".format, _at(4, 64), _at(4, 64)),
    st.builds("movl ${}, %edi\n movl $0x5, %ecx\n rep stosw".format, _at(2, 64)),
    st.builds("movl ${}, %edi\n movl $0x11, %ecx\n repne scasb".format, _at(1, 64)),
    st.builds("fildl {}\n fistpl {}".format, _at(4, 4), _at(4, 4)),
    st.builds("fildll {}\n fistpll {}".format, _at(8, 8), _at(8, 8)),
    st.builds("movups {}, %xmm1\n paddd %xmm1, %xmm0\n movaps %xmm0, {}".format, _at(8, 16), _at(16, 16)),
    st.builds("pushfl\n popl %eax\n cmpxchg8b {}".format, _at(8, 8)),  # the engine forgets unsettled flags
    st.builds("lock btsl %eax, {}".format, st.just(f"{SCRATCH + 0x800:#x}")).map(
        "andl $0xff, %eax\n {}".format
    ),
)
KEPT = ("eax", "ebx", "ecx", "edx", "esi", "edi", "ebp", "esp")
LAST = "".join(f"movl %{name}, {SCRATCH + 0xF00 + 4 * i:#x}\n" for i, name in enumerate(KEPT)) + (
    f"pushfl\n popl %eax\n andl $0x8d5, %eax\n movl %eax, {SCRATCH + 0xF20:#x}\n cld\n"
)
"""Leaves the registers and the arithmetic flags in memory."""


def result(body: str, flags: int, policy: str) -> tuple[RunReport, bytes]:
    with Machine(kernel=kernel(body, flags), memory=4, policy=policy, no_reboot=True) as machine:
        report = machine.run(timeout=20)
        return report, machine.mem.physical.read(SCRATCH, PAGE)


@pytest.mark.parametrize("policy", ["fast", "trap"])
@settings(
    max_examples=20, deadline=None, phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
@given(lines=st.lists(LINES, min_size=3, max_size=25), rounds=st.integers(1, 3))
def test_aligned_programs_do_the_same(policy: str, lines: list[str], rounds: int) -> None:
    body = "movl $0x1, %eax\n movl %eax, %ecx\n movl %eax, %edx\n" + "\n".join(lines * rounds) + "\n" + LAST
    free, memory = result(body, CLEAR, policy)
    checked, memory_checked = result(body, SET, policy)
    assert free.exit_status == checked.exit_status == 33, (free.message, checked.message)
    assert memory == memory_checked
    assert checked.stats.faults.get(17, 0) == 0
    assert checked.stats.exits_by_reason["vector 1"] > len(lines)


# --- when they are made


def test_ring_3_runs_free_while_ac_is_clear() -> None:
    """With CR0.AM set, as Linux has it, popf is all that comes to the monitor."""
    body = "movl $0x64, %ecx\nagain:\n pushfl\n popfl\n movl 0x187001, %eax\n decl %ecx\n jnz again"
    report, _ = result(body, CLEAR, "fast")
    assert report.exit_status == 33
    assert "vector 1" not in report.stats.exits_by_reason
    assert report.stats.exits_by_insn["popf"] >= 100
    assert report.stats.exits_by_insn.get("pushf", 0) < 10


def test_clearing_ac_ends_the_checks() -> None:
    body = "pushl $0x2\n popfl\n movl $0x2710, %ecx\nagain:\n movl 0x187001, %eax\n decl %ecx\n jnz again"
    report, _ = result(body, SET, "fast")
    assert report.exit_status == 33
    assert report.stats.exits_by_reason["vector 1"] < 10


# --- the loop keeps its hands on a program that never runs on the engine

SELF = "itself:\n .byte 0xea\n .long itself\n .word CODE3"
TICKING = "call pic_setup\n handle 0x20, tick\n movl $0x8, %eax\n call pit_setup\n movb $0xfe, %al\n outb %al, $0x21"
TICK = """
tick:
    incl SCRATCH
    movb $0x20, %al
    outb %al, $0x20
    cmpl $0x2, SCRATCH
    jb ticked
    movl $0x10, %eax
    jmp exit
ticked:
    ret
.include "clock.s"
"""


@pytest.mark.parametrize("policy", ["fast", "trap"])
def test_a_jump_to_itself_can_be_interrupted(policy: str) -> None:
    with Machine(kernel=kernel(SELF, SET), memory=4, policy=policy, no_reboot=True) as machine:
        assert machine.run(timeout=0.3).reason is ExitReason.TIMEOUT
    with Machine(
        kernel=kernel(SELF, SET), memory=4, policy=policy, no_reboot=True, clock="counted"
    ) as machine:
        assert machine.run(max_insns=60_000, timeout=20).reason is ExitReason.INSN_LIMIT


def counted(body: str, policy: str) -> list[object]:
    """All that can be told of a counted run with a timer that ends it at the second tick."""
    code = kernel(body, SET | 0x200, TICKING, TICK)
    with Machine(kernel=code, memory=4, policy=policy, no_reboot=True, clock="counted") as machine:
        report = machine.run(timeout=60)
        stats = {k: v for k, v in dataclasses.asdict(report.stats).items() if k not in OF_THE_HOST}
        memory = machine.mem.physical.read(0, 2 << 20)
        return [report.exit_status, stats, dict(machine.regs), memory, machine.clock.now()]


@pytest.mark.parametrize("policy", ["fast", "trap"])
@pytest.mark.parametrize(
    "body", [SELF, "again:\n incl SCRATCH+0x10\n pushfl\n popfl\n movl SCRATCH+0x4, %eax\n jmp again"]
)
def test_counted_runs_repeat(body: str, policy: str) -> None:
    """Promise P7 with interrupts that come while alignment is checked."""
    first = counted(body, policy)
    assert first[0] == 33
    assert first == counted(body, policy)


ENDLESS = """
    movl $IDT+0x88, %edi        # #AC is handled in ring 3, on the stack that is unaligned
    movl $program, %eax
    movw %ax, (%edi)
    movw $CODE3, 0x2(%edi)
    shrl $0x10, %eax
    movw %ax, 0x6(%edi)
"""


@pytest.mark.parametrize("clock", ["host", "counted"])
def test_an_alignment_fault_for_ever_leaves_the_monitor_alone(clock: str) -> None:
    """Each #AC raises the next one when its frame is pushed; a real processor hangs."""
    code = kernel("decl %esp\n pushl %eax", SET, ENDLESS)
    with Machine(kernel=code, memory=4, no_reboot=True, clock=clock) as machine:
        report = machine.run(timeout=0.3)
        assert report.reason is ExitReason.TIMEOUT
        assert report.stats.faults[17] > 10
