# SPDX-License-Identifier: GPL-2.0-or-later
"""`patchvisor audit` over many files, in parts, again; `patchvisor merge`."""

from pathlib import Path

import pytest

import guests
from patcher.errors import PatcherError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    found = tmp_path / "images"
    found.mkdir()
    for name in ("hello", "timer", "tasks", "gates"):
        (found / name).write_bytes(guests.build(name))
    (found / "notes.txt").write_text("no code")
    return found


@pytest.mark.parametrize("form", ["text", "json", "sarif", "html", "csv", "text -v"])
def test_parts_merged_are_the_whole(patchvisor, folder: Path, form: str) -> None:
    how = ("--format", *form.split())
    patchvisor("audit", "images", *how, "--fail-on", "nothing", "-o", "whole")
    names = [f"{number}.json" for number in (1, 2, 3)]
    for number, name in enumerate(names, 1):
        patchvisor("audit", "images", "--format", "json", "--shard", f"{number}/3", "-o", name)
    assert patchvisor("merge", *names, *how, "-o", "merged").out == ""
    whole = Path("whole").read_bytes()
    assert whole
    assert Path("merged").read_bytes() == whole
    assert patchvisor("merge", *names, *how).out.encode() == whole


def test_processes_find_what_one_finds(patchvisor, folder: Path) -> None:
    one, two = (patchvisor("audit", "images", "--format", "json", "-j", jobs) for jobs in "12")
    assert one == two


def test_a_journal_saves_the_work(patchvisor, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = ("audit", "images", "--format", "json", "-j", "1", "--journal", "done")
    first = patchvisor(*command)
    monkeypatch.setattr("patcher.auditing.task.audit_bytes", lambda *_: pytest.fail("audited again"))
    assert patchvisor(*command) == first


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--shard", "4/3"], "--shard 4/3: There is no part 4 of 3: parts are counted from 1."),
        (["--engine", "dask"], "--engine dask and --scheduler ADDR belong together"),
        (["--engine", "dask", "--scheduler", "here"], "--scheduler here: write tcp://HOST:PORT"),
        (
            ["--journal", "images/notes.txt"],
            "is no journal of an audit by this version with these options; name another file.",
        ),
        (["--journal", "none/x"], "--journal none/x: No such file or directory"),
    ],
)
def test_what_contradicts_itself_is_a_usage_error(
    patchvisor, folder: Path, options: list[str], sentence: str
) -> None:
    said = patchvisor("audit", "images", *options)
    assert (said.status, said.out) == (2, "")
    assert sentence in said.err


def test_what_is_no_report_cannot_be_merged(patchvisor, folder: Path) -> None:
    said = patchvisor("merge", "images/notes.txt")
    assert said.status == 2
    assert "images/notes.txt is no JSON report of an audit" in said.err
    assert patchvisor("merge", "absent").status == 2


def test_a_cluster_that_does_not_answer_is_no_fault_of_ours(
    patchvisor, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def runner(work: object, tasks: object) -> object:
        raise PatcherError("No Dask scheduler answers at tcp://127.0.0.1:9.")

    monkeypatch.setattr("patcher.fleet.cluster.cluster", lambda address: runner)
    said = patchvisor("audit", "images", "--engine", "dask", "--scheduler", "tcp://127.0.0.1:9")
    assert said.status == 2
    assert "No Dask scheduler answers" in said.err
