# SPDX-License-Identifier: GPL-2.0-or-later
"""Every workload runs to its end wherever it is said to run; how long it takes is nobody's business here."""

from itertools import pairwise

import pytest

from vmm.bench import workloads
from vmm.bench.measure import measure
from vmm.bench.program import WARM_UP, image_of
from vmm.bench.workload import MACHINES, Platform, Workload
from vmm.errors import VmmError

COUNT = 3
CASES = [(workload, platform) for workload in workloads.every().values() for platform in workload.platforms]


@pytest.mark.parametrize(("workload", "platform"), CASES, ids=lambda value: getattr(value, "name", ""))
def test_a_workload_runs_to_its_end(workload: Workload, platform: Platform) -> None:
    sample = measure(workload, platform, COUNT)
    assert sample.count == COUNT
    assert sample.loop > 0
    assert sample.empty > 0


@pytest.mark.parametrize("platform", MACHINES)
def test_the_loop_runs_as_often_as_asked(platform: Platform) -> None:
    """The body counts itself: warm-up and loop together, or the guest is not content."""
    count = 1000
    workload = Workload(
        "counting", "counts", "    incl %esi\n    cmpl $0x4e8, %esi\n    jne still\n    movl $0x0, FAILURES\nstill:",
        "    movl $0x0, %esi\n    movl $0x1, FAILURES",
    )  # fmt: skip
    assert WARM_UP + count == 0x4E8
    measure(workload, platform, count)
    with pytest.raises(VmmError, match="exit status 35"):
        measure(workload, platform, count - 1)


def test_a_guest_that_dies_is_a_sentence() -> None:
    workload = Workload("dies", "ud2", "    ud2")
    with pytest.raises(
        VmmError, match=r"^The guest ended before it reached its mark \[: The guest ended with status"
    ):
        measure(workload, Platform.FAST, 1)


def test_an_image_is_cut_to_its_count() -> None:
    workload = workloads.every()["compute"]
    assert len(image_of(workload, 5)) == len(image_of(workload, 6))
    assert image_of(workload, 5) != image_of(workload, 6)


def test_families_stand_together() -> None:
    """The table reads family by family."""
    names = list(workloads.every())
    families = {n: f for f, ns in {
        "plain": ("compute", "load-store", "call-ret", "memcpy"), "paging": ("page-fault", "demand-page", "cr3-64"),
    }.items() for n in ns}  # fmt: skip
    places = {
        family: [names.index(n) for n, f in families.items() if f == family]
        for family in set(families.values())
    }
    for found in places.values():
        assert all(later - earlier == 1 for earlier, later in pairwise(found))


def test_a_name_is_taken_once(monkeypatch) -> None:
    from vmm.bench.workloads import ports

    monkeypatch.setattr(ports, "WORKLOADS", ports.WORKLOADS * 2)
    with pytest.raises(ValueError, match=r"^Two workloads are called 'port-io'\.$"):
        workloads.every.__wrapped__()
