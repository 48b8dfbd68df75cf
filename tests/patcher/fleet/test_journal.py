# SPDX-License-Identifier: GPL-2.0-or-later
"""A run that was ended goes on: what is in the journal is not done again, unless its file changed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from audit_samples import report

import patcher
from patcher.auditing.many import Outcome, Task, in_order
from patcher.auditing.options import AuditOptions
from patcher.errors import PatcherError
from patcher.fleet.journal import Journal, resuming

OPTIONS = AuditOptions()


@pytest.fixture
def tasks(tmp_path: Path) -> list[Task]:
    files = [tmp_path / name for name in "abcde"]
    for file in files:
        file.write_text(file.name)
    return [Task(str(file)) for file in files]


def run(path: Path, tasks: list[Task], end_after: int = 99) -> tuple[list[str], list[Outcome]]:
    """The files that were worked on, and the outcomes; a run may be ended after some."""
    worked: list[str] = []

    def work(task: Task) -> Outcome:
        worked.append(Path(task.path).name)
        return Outcome(task.path, files=report().files)

    journal, outcomes = Journal(str(path), OPTIONS), []
    for outcome in resuming(journal, in_order)(work, tasks):
        outcomes.append(outcome)
        if len(outcomes) == end_after:
            break
    return worked, outcomes


def test_goes_on_where_it_was_ended(tasks: list[Task], tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    assert run(journal, tasks, end_after=2)[0] == ["a", "b"]
    worked, outcomes = run(journal, tasks)
    assert worked == ["c", "d", "e"]
    assert outcomes == [Outcome(task.path, files=report().files) for task in tasks]
    assert run(journal, tasks)[0] == []


@pytest.mark.parametrize("cut", [1, 5, 300])
def test_a_line_that_was_cut_off_is_done_again(cut: int, tasks: list[Task], tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    run(journal, tasks[:3])
    journal.write_bytes(journal.read_bytes()[:-cut])
    assert run(journal, tasks)[0] == ["c", "d", "e"]
    assert run(journal, tasks)[0] == []


def test_a_changed_file_is_done_again(tasks: list[Task], tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    run(journal, tasks)
    os.utime(tasks[1].path, ns=(1, 1))
    Path(tasks[3].path).write_text("longer")
    assert run(journal, tasks)[0] == ["b", "d"]
    assert run(journal, tasks)[0] == []


def test_other_options_are_another_run(tasks: list[Task], tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    run(journal, tasks)
    with pytest.raises(
        PatcherError, match=r"journal is no journal of an audit by this version with these options; name another"
    ):
        Journal(str(journal), AuditOptions(cpl=3))


@pytest.mark.parametrize("seed", ["1", "2", "3", "4"])
def test_another_process_goes_on(seed: str, tmp_path: Path) -> None:
    """Sets have another order in each; four seeds have all of the usual tiers' two."""
    Journal(str(tmp_path / "journal"), OPTIONS).close()
    program = "from patcher.fleet.journal import *; Journal('journal', AuditOptions()).close()"
    env = {**os.environ, "PYTHONPATH": str(Path(patcher.__file__).parents[1]), "PYTHONHASHSEED": seed}
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=env, check=True, timeout=60)


def test_a_file_that_is_no_journal_is_not_touched(tmp_path: Path) -> None:
    file = tmp_path / "notes"
    for text in ("my notes\n", "my notes"):
        file.write_text(text)
        with pytest.raises(PatcherError):
            Journal(str(file), OPTIONS)
        assert file.read_text() == text


def test_a_journal_that_was_just_begun_is_begun_again(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    Journal(str(journal), OPTIONS).close()
    head = journal.read_bytes()
    for size in range(len(head)):
        journal.write_bytes(head[:size])
        Journal(str(journal), OPTIONS).close()
        assert journal.read_bytes() == head


def test_a_damaged_line_is_named(tasks: list[Task], tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    run(journal, tasks[:2])
    lines = journal.read_text().splitlines(keepends=True)
    journal.write_text(lines[0] + "{\n" + lines[2])
    with pytest.raises(PatcherError, match=r"journal:2 is damaged; delete the journal and begin again\.$"):
        Journal(str(journal), OPTIONS)


def test_one_run_at_a_time_has_it(tmp_path: Path) -> None:
    path = str(tmp_path / "journal")
    first = Journal(path, OPTIONS)
    with pytest.raises(PatcherError, match=r"journal is in use by another audit\.$"):
        Journal(path, OPTIONS)
    first.close()
    Journal(path, OPTIONS).close()


def test_a_run_that_was_killed_has_it_no_more(tasks: list[Task], tmp_path: Path) -> None:
    program = (
        "import sys; from patcher.fleet.journal import *\n"
        "journal = Journal('journal', AuditOptions()); journal.add(Outcome(sys.argv[1])); print(flush=True); input()"
    )
    env = {**os.environ, "PYTHONPATH": str(Path(patcher.__file__).parents[1])}
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", program, tasks[0].path]
    with subprocess.Popen(command, cwd=tmp_path, env=env, stdin=pipe, stdout=pipe) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(PatcherError, match=r"in use by another audit\.$"):
            Journal(str(tmp_path / "journal"), OPTIONS)
        process.kill()
    assert run(tmp_path / "journal", tasks)[0] == ["b", "c", "d", "e"]


def test_another_version_is_another_run(tasks: list[Task], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(tmp_path / "journal", tasks)
    monkeypatch.setattr("patcher.fleet.journal._version", lambda: "another")
    with pytest.raises(PatcherError, match="is no journal of an audit by this version with these options"):
        Journal(str(tmp_path / "journal"), OPTIONS)
