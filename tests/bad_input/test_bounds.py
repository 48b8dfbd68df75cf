# SPDX-License-Identifier: GPL-2.0-or-later
"""What the monitor remembers of a guest is bounded, and the counts stay true when it forgets."""

import pytest

from vmm import Machine, code_pages, exits

AT = 0x10_0000
#: 64 times: give the page at 2 MiB a new first byte, so that its copy is dropped, and run its smsw.
REWRITE = "b940000000 bf00002000 c70790900f01 c74704e0c39090 c60790 ffd7 e2ec b001 e6f4"


def test_actions_are_forgotten_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exits, "MOST_ACTIONS", 10)
    with Machine(kernel=bytes.fromhex(REWRITE), address=AT, memory=4, policy="trap") as machine:
        report = machine.run(timeout=60)
        assert report.exit_status == 3, report.message
        assert report.stats.exits_by_insn["smsw"] == 64
        assert len(machine._exits.actions) <= 10


def test_pages_full_of_sensitive_instructions_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixteen pages of sixty-four clts each, called one after the other, twice."""
    monkeypatch.setattr(code_pages, "MOST_PATCHES", 200)
    page = (bytes.fromhex("0f06") * 64 + b"\xc3").ljust(4096, b"\x90")
    calls = bytes.fromhex("bd02000000 bf00101000 ffd7 81c700100000 81ff00101100 75f0 4d 75e8 b001 e6f4")
    with Machine(kernel=calls.ljust(4096, b"\x90") + page * 16, address=AT, memory=4) as machine:
        report = machine.run(timeout=60)
        assert report.exit_status == 3, report.message
        assert report.stats.exits_by_insn["clts"] == 2 * 16 * 64
        assert machine._code.weight <= 200
