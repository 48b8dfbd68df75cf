# SPDX-License-Identifier: GPL-2.0-or-later
"""Audits on a Dask cluster: everything once, also when workers are lost."""

import os
import sys
from pathlib import Path

import pytest
from fleet_work import dies_at_evil, size

from patcher.auditing.many import Task
from patcher.errors import PatcherError
from patcher.fleet.cluster import cluster

distributed = pytest.importorskip(
    "distributed", reason="the package distributed is not installed (the extra named dask)"
)


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, scheduler_kwargs={"allowed_failures": 2}
    ) as found:
        yield found.scheduler_address


def files(folder: Path, names: list[str]) -> list[Task]:
    for name in names:
        (folder / name).write_text(name)
    return [Task(str(folder / name)) for name in names]


def test_every_file_once(address: str, tmp_path: Path) -> None:
    tasks = files(tmp_path, [f"{number:03}" for number in range(40)])
    found = list(cluster(address)(size, tasks))
    assert sorted(outcome.path for outcome in found) == [task.path for task in tasks]


def test_a_file_that_ends_workers_is_the_only_one_lost(address: str, tmp_path: Path) -> None:
    tasks = files(tmp_path, ["a", "evil", "b", "c", "d"])
    found = {Path(outcome.path).name: outcome for outcome in cluster(address)(dies_at_evil, tasks)}
    assert found.keys() == {"a", "b", "c", "d", "evil"}
    assert "No worker of the cluster could audit it" in found["evil"].unreadable[0].reason


def test_nobody_at_the_address_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("patcher.fleet.cluster.CONNECT_SECONDS", 1)
    with pytest.raises(PatcherError, match=r"^No Dask scheduler answers at tcp://127\.0\.0\.1:9: "):
        list(cluster("tcp://127.0.0.1:9")(size, []))


def test_a_cluster_without_the_package_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    sentence = r"^A Dask cluster needs the package distributed \(the extra named dask\)\.$"
    with pytest.raises(PatcherError, match=sentence):
        list(cluster("tcp://127.0.0.1:9")(size, []))
