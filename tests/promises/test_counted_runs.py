# SPDX-License-Identifier: GPL-2.0-or-later
"""Promise P7: a counted run is a pure function of image and configuration, and its budgets are exact."""

import dataclasses

import pytest

import guests
from guests.build import expand, image
from vmm.machine import Machine
from vmm.report.run_report import ExitReason

POLICIES = ("fast", "trap", "native")
OF_THE_HOST = {"seconds_guest", "seconds_monitor", "tlb_fills"}
"""What may differ: times, and fills, because the engine sizes its TLB by the host's clock."""

COUNTER = """
    movl $0x0, %ebx
    movl $0x0, 0x150000
again:
    incl %ebx
    incl 0x150000
    pushfl
    popl %eax
    cli
    smsw %ax
    jmp again
"""

CLOCK = """
    rdtsc
    movl %eax, %esi
    movl $0x100, %ecx
around:
    nop
    nop
    loop around
    rdtsc
    subl %esi, %eax
    movl %eax, %edi
    xorl %ebx, %ebx
    rdtsc
    movl %eax, %esi
    rdtsc
    subl %esi, %eax
    movl %eax, %ebx
    movb $0x10, %al
    outb %al, $0xf4
    hlt
"""


def build(text: str) -> bytes:
    return image(expand(text, "counted"), "counted")


def trace_of(name: str, policy: str, steps: tuple[int, ...] = ()) -> list[object]:
    """All that can be told of a run, at each of the budgets and at the end."""
    seen: list[object] = []
    with Machine(kernel=guests.build(name), memory=4, policy=policy, no_reboot=True, clock="counted") as machine:
        for budget in steps or (None,):
            report = machine.run(max_insns=budget, timeout=60)
            stats = {k: v for k, v in dataclasses.asdict(report.stats).items() if k not in OF_THE_HOST}
            memory = machine.mem.physical.read(0, 4 << 20)
            seen += [report.reason, report.serial, stats, dict(machine.regs), memory, machine.clock.now()]
    return seen


@pytest.mark.parametrize("policy", ["fast", "trap"])
@pytest.mark.parametrize("name", ["timer", "processes", "exceptions-fine", "exceptions-sse", "exceptions-x87", "gates"])
def test_the_same_run_twice_is_the_same_bit_for_bit(name: str, policy: str) -> None:
    """The guest `timer` has interrupts that end hlt, and some that come anywhere."""
    first, second = trace_of(name, policy), trace_of(name, policy)
    assert first[0] is ExitReason.GUEST_EXIT
    assert first == second


@pytest.mark.parametrize("policy", ["fast", "trap"])
def test_a_run_in_pieces_repeats_too(policy: str) -> None:
    steps = (1, 777, 12_345, 100_000, 3_000_000)
    assert trace_of("timer", policy, steps) == trace_of("timer", policy, steps)


@pytest.mark.parametrize("policy", POLICIES)
def test_a_budget_is_spent_to_the_instruction(policy: str) -> None:
    """Seven instructions a round; no store, trap or fill in it must shift anything."""
    kernel = build(COUNTER)
    with Machine(kernel=kernel, memory=4, policy=policy, no_reboot=True, clock="counted") as machine:
        executed = 0
        for budget in (1, 1, 3, 7, 8, 64, 1000, 20_001):
            report = machine.run(max_insns=budget, timeout=20)
            executed += budget
            assert report.reason is ExitReason.INSN_LIMIT
            assert report.stats.insns == executed
            in_round, rounds = (executed - 2) % 7, (executed - 2) // 7
            if executed > 2:
                assert machine.regs.ebx == rounds + (in_round > 0)
                assert int.from_bytes(machine.mem.physical.read(0x150000, 4), "little") == rounds + (in_round > 1)


@pytest.mark.parametrize("policy", POLICIES)
def test_every_policy_is_at_the_same_instruction_after_the_same_count(policy: str) -> None:
    kernel = build(COUNTER)
    states = []
    for other in ("native", policy):
        with Machine(kernel=kernel, memory=4, policy=other, no_reboot=True, clock="counted") as machine:
            machine.run(max_insns=34_567, timeout=20)
            regs = dict(machine.regs)
            states.append([regs[name] for name in ("eip", "ebx", "esp")])
    assert states[0] == states[1]


@pytest.mark.parametrize("policy", POLICIES)
def test_time_passes_within_a_run_of_the_engine(policy: str) -> None:
    """One nanosecond an instruction, also between two rdtsc that no other exit separates."""
    with Machine(kernel=build(CLOCK), memory=4, policy=policy, no_reboot=True, clock="counted") as machine:
        assert machine.run(timeout=20).exit_status == 33
        assert machine.regs.edi == 3 * 0x100 + 3
        assert machine.regs.ebx == 2
