# SPDX-License-Identifier: GPL-2.0-or-later
"""How runs end and go on: limits, resets, interruption, and a machine that runs again."""

import threading
from itertools import pairwise

import pytest

from vmm.machine import Machine
from vmm.report.run_report import ExitReason

AT = 0x100000
INC = b"\x40"
SPIN = b"\xeb\xfe"  # jmp .
RESET = b"\xb0\xfe\xe6\x64\xf4"  # mov al, 0xfe; out 0x64, al; hlt
CLOCKS = ("host", "counted")


def machine(code: bytes, clock: str = "host", **options: bool) -> Machine:
    return Machine(kernel=code, address=AT, memory=4, clock=clock, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("clock", CLOCKS)
def test_an_instruction_budget_ends_a_run_under_either_clock(clock: str) -> None:
    """The engine stops at the end of a block, so a run may be some instructions longer."""
    with machine(INC * 8000 + SPIN, clock) as guest:
        report = guest.run(max_insns=1000, timeout=60)
        assert (report.reason, report.exit_status) == (ExitReason.INSN_LIMIT, 124)
        assert AT + 1000 <= guest.vcpu.eip < AT + 2000


@pytest.mark.parametrize("clock", CLOCKS)
def test_a_second_budget_counts_from_where_the_first_ended(clock: str) -> None:
    with machine(INC * 8000 + SPIN, clock) as guest:
        places = [AT]
        for _ in range(3):
            assert guest.run(max_insns=1000, timeout=60).reason is ExitReason.INSN_LIMIT
            places.append(guest.vcpu.eip)
        assert all(before + 1000 <= after < AT + 8000 for before, after in pairwise(places))


@pytest.mark.parametrize("clock", CLOCKS)
def test_a_time_limit_ends_a_loop_and_the_machine_can_go_on(clock: str) -> None:
    with machine(SPIN, clock) as guest:
        for _ in range(2):
            report = guest.run(timeout=0.1)
            assert (report.reason, report.exit_status) == (ExitReason.TIMEOUT, 124)
            assert report.message == "The time limit of 0.1 s is over."


@pytest.mark.parametrize("clock", CLOCKS)
def test_a_time_limit_holds_over_resets(clock: str) -> None:
    with machine(RESET, clock) as guest:
        assert guest.run(timeout=0.3).reason is ExitReason.TIMEOUT


def test_a_budget_holds_over_resets() -> None:
    with machine(RESET) as guest:
        assert guest.run(max_insns=50, timeout=60).reason is ExitReason.INSN_LIMIT


def test_without_reboot_a_reset_is_the_end() -> None:
    with machine(RESET, no_reboot=True) as guest:
        report = guest.run(timeout=60)
        assert (report.reason, report.exit_status) == (ExitReason.RESET, 0)


@pytest.mark.parametrize("clock", CLOCKS)
@pytest.mark.parametrize("code", [SPIN, RESET], ids=["spin", "reset"])
def test_another_thread_can_end_a_run(code: bytes, clock: str) -> None:
    with machine(code, clock) as guest:
        timer = threading.Timer(0.2, guest.stop)
        timer.start()
        report = guest.run(timeout=60)
        timer.join()
        assert (report.reason, report.exit_status) == (ExitReason.INTERRUPTED, 130)
        assert guest.run(timeout=0.1).reason is ExitReason.TIMEOUT
