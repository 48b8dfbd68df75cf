# SPDX-License-Identifier: GPL-2.0-or-later
"""The results of a run are frozen, and its exit statuses are the documented ones."""

from dataclasses import FrozenInstanceError

import pytest

from vmm.report.run_report import ExitReason, RunReport, Stats, guest_exit_status

STATUSES = {
    "power-off": 0,
    "reset": 0,
    "matched": 0,
    "triple-fault": 80,
    "unsupported": 84,
    "halted": 86,
    "timeout": 124,
    "insn-limit": 124,
    "no-image": 66,
    "internal": 70,
    "usage": 2,
    "interrupted": 130,
}


def test_every_reason_of_our_own_has_its_even_status() -> None:
    ours = {reason.value: reason.status for reason in ExitReason if reason is not ExitReason.GUEST_EXIT}
    assert ours == STATUSES
    assert all(status % 2 == 0 for status in ours.values())


@pytest.mark.parametrize(("value", "status"), [(0, 1), (0x10, 0x21), (0x7F, 0xFF), (0x80, 1), (0x31, 99)])
def test_a_guest_says_odd_statuses(value: int, status: int) -> None:
    assert guest_exit_status(value) == status


def test_reports_are_frozen() -> None:
    report = RunReport(ExitReason.POWER_OFF, 0, "The guest switched itself off.")
    with pytest.raises(FrozenInstanceError):
        report.exit_status = 1  # type: ignore[misc]


def test_exits_are_summed_over_reasons() -> None:
    assert Stats(exits_by_reason={"trap": 3, "fault": 4}).exits == 7
    assert Stats().exits == 0
