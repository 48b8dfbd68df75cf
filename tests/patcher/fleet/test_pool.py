# SPDX-License-Identifier: GPL-2.0-or-later
"""Audits over processes: everything is done once, whatever becomes of a process."""

import multiprocessing
import os
import select
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from fleet_work import dies_at_evil, dies_once, size, waits_at_evil

from patcher.auditing.many import Outcome, Task
from patcher.fleet.pool import pool


@pytest.fixture
def tasks(tmp_path: Path) -> list[Task]:
    files = [tmp_path / f"{number:02}" for number in range(20)]
    for number, file in enumerate(files):
        file.write_bytes(bytes(number))
    (tmp_path / "evil").write_bytes(bytes(10))
    return [Task(str(file)) for file in (*files, tmp_path / "evil", tmp_path / "absent")]


def by_path(outcomes) -> dict[str, Outcome]:
    found = list(outcomes)
    assert len({outcome.path for outcome in found}) == len(found)
    return {Path(outcome.path).name: outcome for outcome in found}


@pytest.mark.parametrize("jobs", [1, 3])
def test_every_file_once(jobs: int, tasks: list[Task]) -> None:
    found = by_path(pool(jobs)(size, tasks[:-1]))
    assert len(found) == 21
    assert found["07"].skipped == 7


def test_a_file_that_ends_its_process_is_the_only_one_lost(tasks: list[Task]) -> None:
    found = by_path(pool(3)(dies_at_evil, tasks[:-1]))
    assert len(found) == 21
    (lost,) = found["evil"].unreadable
    assert lost.reason == "The process that audited it was ended from outside, perhaps for want of memory."
    assert all(outcome.skipped == int(name) for name, outcome in found.items() if name != "evil")


def test_a_lost_process_costs_nothing(tasks: list[Task]) -> None:
    found = by_path(pool(3)(dies_once, tasks[:-1]))
    assert [outcome.unreadable for outcome in found.values()] == [()] * 21
    assert found["evil"].skipped == 10


def test_nothing_to_do_is_done() -> None:
    assert list(pool(4)(size, [])) == []


def test_what_is_left_early_ends_at_once(tasks: list[Task]) -> None:
    evil = Path(tasks[-2].path)
    evil.unlink()
    os.mkfifo(evil)
    outcomes = pool(2)(waits_at_evil, [tasks[5], Task(str(evil))])
    next(outcomes)
    children = multiprocessing.active_children()
    assert children
    outcomes.close()
    for child in children:
        child.join(60)
    assert {child.exitcode for child in children} == {-signal.SIGKILL}


def test_nothing_of_it_is_left(tasks: list[Task]) -> None:
    """What still ends when the interpreter does is in its way: it would print a traceback."""
    before = set(threading.enumerate())
    assert len(list(pool(2)(size, tasks[:3]))) == 3
    assert multiprocessing.active_children() == []
    assert set(threading.enumerate()) <= before


def test_processes_end_with_the_one_that_was_killed(tmp_path: Path) -> None:
    """Nobody is left to tell them; they would wait for work for ever."""
    os.mkfifo(tmp_path / "evil")
    (tmp_path / "good").write_text("1")
    program = (
        "import multiprocessing, fleet_work\n"
        "from patcher.auditing.many import Task\n"
        "from patcher.fleet.pool import pool\n"
        "if __name__ == '__main__':\n"
        "    outcomes = pool(2)(fleet_work.waits_at_evil, [Task('good'), Task('evil')])\n"
        "    next(outcomes)\n"
        "    print(*[child.pid for child in multiprocessing.active_children()], flush=True)\n"
        "    input()\n"
    )
    (tmp_path / "program.py").write_text(program)
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "program.py"], cwd=tmp_path, env=env, stdin=pipe, stdout=pipe) as process:
        assert process.stdout is not None
        children = [os.pidfd_open(int(pid)) for pid in process.stdout.readline().split()]
        assert len(children) == 2
        process.kill()
    for child in children:
        assert select.select([child], [], [], 60)[0] == [child]
        os.close(child)
