# SPDX-License-Identifier: GPL-2.0-or-later
"""The front of the Python interface: what it refuses, and what a run may be asked for again."""

import re

import pytest

from vmm import Machine
from vmm.errors import BootError, VmmError
from vmm.limits import BadLimit
from vmm.report.run_report import ExitReason

AT = 0x10_0000
HLT = b"\xf4"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"policy": "slow"}, "There is no policy 'slow'; choose from fast, trap, native."),
        ({"clock": "sun"}, "There is no clock 'sun'; choose from host, counted."),
        ({"display": "gtk"}, "There is no display 'gtk'; choose from none, text."),
        ({"serial": "tcp"}, "There is no character device 'tcp': .*"),
        ({"cpu": "z80"}, ".*z80.*"),
    ],
)
def test_a_word_that_is_none_of_ours_is_a_sentence(options, sentence) -> None:
    with pytest.raises(VmmError, match=f"^{sentence}$"):
        Machine(kernel=HLT, address=AT, memory=2, **options)


def test_a_file_that_is_missing_is_a_sentence() -> None:
    with pytest.raises(BootError, match=r"^/no/such cannot be read: No such file or directory\.$"):
        Machine(kernel="/no/such")


@pytest.mark.parametrize("limits", [{"timeout": 0}, {"timeout": -1.0}, {"max_insns": 0}, {"until": "("}])
def test_limits_that_make_no_sense_are_refused(limits) -> None:
    with Machine(kernel=HLT, address=AT, memory=2) as machine, pytest.raises(BadLimit):
        machine.run(**limits)


def test_a_run_goes_on_after_a_limit() -> None:
    count = bytes.fromhex("40 eb fd")  # inc eax; jmp back
    with Machine(kernel=count, address=AT, memory=2, clock="counted") as machine:
        assert machine.run(max_insns=1000).reason is ExitReason.INSN_LIMIT
        first = machine.regs.eax
        assert machine.run(max_insns=1000).reason is ExitReason.INSN_LIMIT
        assert 400 <= first <= 600
        assert machine.regs.eax - first == pytest.approx(first, abs=5)


def test_until_may_be_a_compiled_pattern() -> None:
    say = bytes.fromhex("66ba f803 b041 ee eb fe")  # "A" to COM1
    with Machine(kernel=say, address=AT, memory=2) as machine:
        assert machine.run(until=re.compile("a", re.IGNORECASE), timeout=30).exit_status == 0


def test_two_machines_live_side_by_side() -> None:
    with (
        Machine(kernel=HLT, address=AT, memory=2) as one,
        Machine(kernel=b"\x90\xf4", address=AT, memory=2) as two,
    ):
        assert two.run(timeout=30).reason is one.run(timeout=30).reason is ExitReason.HALTED
        assert (one.regs.eip, two.regs.eip) == (AT + 1, AT + 2)
