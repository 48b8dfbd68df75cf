# SPDX-License-Identifier: GPL-2.0-or-later
"""The audit of memtest86+ beside a run of it: every site that trapped is found, and none by guessing.

The run is one of policy trap, in which every sensitive instruction traps. memtest86+ moves itself while it tests, so
an exit counts where its bytes stand in the file: at its own address, or as far away as the program moved.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from patcher import audit
from patcher.auditing.model import BinaryReport, Tier
from patcher.auditing.rows import audited
from patcher.catalogue import classify
from patcher.x86.decode import MAX_LENGTH, decode
from vmm import Machine

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]

LONGEST_TEST = 90


def kernel_of(path: Path) -> BinaryReport:
    """The 32-bit program in the file."""
    return next(b for file in audit(path).files for b in file.binaries if b.name == "kernel")


def trapped(path: Path) -> dict[int, bytes]:
    """The linear addresses of all exits of a run that tests memory, and the bytes that stand there."""
    with Machine(kernel=path, memory=16, append="nobench nosmp", policy="trap", exit_map=True) as machine:
        machine.run(until=r"<Enter> to start testing", timeout=60)
        machine.keyboard.send("ret")
        machine.run(until=r"Test #[1-9]", timeout=LONGEST_TEST)
        return {at: bytes(machine.mem[at : at + MAX_LENGTH]) for at in machine.stats.exits_by_address}


def is_site(code: bytes) -> bool:
    insn = decode(code, 0, 32)
    row = classify(insn) if insn is not None else None
    return row is not None and audited(row)


def test_every_site_that_trapped_is_in_the_audit(real_kernel: Callable[[str], Path]) -> None:
    path = real_kernel("memtest86+")
    found = kernel_of(path)
    known = {finding.address: finding for finding in found.findings}
    start, end = found.layout[0].start, found.layout[-1].end
    sites = {at: code for at, code in trapped(path).items() if is_site(code)}
    assert len(sites) > 40
    moved = {at for at in sites if not start <= at < end}
    distances = {
        at - site for at in moved for site in known if known[site].raw == sites[at][: len(known[site].raw)]
    }
    distance = max(distances, key=lambda d: sum(at - d in known for at in moved), default=0)
    missed = [f"{at:#x}" for at in sites if at not in known and at - distance not in known]
    assert not missed
    assert {known[at].tier for at in sites if at in known} <= {Tier.CONFIRMED, Tier.LIKELY}
