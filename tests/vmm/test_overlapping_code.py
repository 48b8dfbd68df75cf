# SPDX-License-Identifier: GPL-2.0-or-later
"""Overlapping sensitive code: what an audit says takes turns does so in the machine, scanned now or ahead of time."""

from pathlib import Path

import pytest
from block_witness import Witness
from raw_guest import ENTRY, EXIT_EAX, code, image, jump, word

from patcher import audit
from patcher.auditing.options import AuditOptions
from patcher.laying import map_of
from patcher.patch import Patch, Tactic
from vmm.machine import Machine

ROUNDS = 30
OVERLAPS = code(
    "b8 9c 58 eb 02 eb fa",  # mov eax with pushf; pop eax inside, and a jump into it
    "01 c3",  # add ebx, eax
    "b9 0f 01 e0 3c eb fa",  # mov ecx with smsw eax inside; the jump into it ends as cli
    "01 c3 01 cb",
)


def overlapping(before: int) -> bytes:
    """A guest whose overlapping code begins so many bytes before a page."""
    at = 0x103000 - before
    start = code("bc", word(0x108000), "31 db be", word(ROUNDS))
    body = OVERLAPS + code("4e 0f 85")
    body += word(-(len(body) + 4)) + code("89 d8", EXIT_EAX)
    return image({ENTRY: start + jump(ENTRY + len(start), at), at: body})


def in_turns(file: Path) -> dict[int, str]:
    """The addresses that an audit says take turns, and their rules."""
    (binary,) = audit(file).files[0].binaries
    return {finding.address: finding.rule for finding in binary.findings if finding.tactic is Tactic.TURNS}


def traps(machine: Machine) -> dict[int, Patch]:
    """The patches of the machine by guest-physical address."""
    return {
        page.ppn << 12 | site: patch
        for page in machine._code.pages.values()
        for site, patch in page.scan.patches.items()
    }


@pytest.mark.parametrize("policy", ["fast", "trap"])
@pytest.mark.parametrize("is_laid", [False, True], ids=["scanned", "laid"])
@pytest.mark.parametrize("before", [100, 3, 2, 1, 12, 11])
def test_overlapping_code_runs_as_natively(before: int, is_laid: bool, policy: str, tmp_path: Path) -> None:
    kernel, file, patches = overlapping(before), tmp_path / "image", tmp_path / "map"
    file.write_bytes(kernel)
    patches.write_bytes(map_of(kernel, "image", AuditOptions()).encode())
    with Machine(kernel=kernel, memory=4, policy="native", no_reboot=True) as machine:
        native = machine.run(timeout=60).exit_status, list(machine.vcpu.regs)
    laid = {"patches": patches} if is_laid else {}
    with Machine(kernel=kernel, memory=4, policy=policy, no_reboot=True, **laid) as machine:
        witness = Witness(machine)
        report = machine.run(timeout=60)
        assert (report.exit_status, list(machine.vcpu.regs)) == native
        assert (report.stats.pages_scanned == 0) == is_laid
        patches_of = traps(machine)
    turns = in_turns(file)
    assert turns == {0x103000 - before + 1: "pushf", 0x103000 - before + 10: "smsw"}
    assert {address: patches_of[address].row.name for address in turns} == turns
    assert [report.stats.exits_by_insn[rule] for rule in turns.values()] == [ROUNDS, ROUNDS]
    assert any(patches_of[address].reason.startswith("stands inside") for address in turns)
    assert witness.complaints == []
