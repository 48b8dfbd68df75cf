# SPDX-License-Identifier: GPL-2.0-or-later
"""Parts of a run, and their reports put together: the same as one run."""

from dataclasses import replace
from pathlib import Path

import pytest
from audit_samples import report
from hypothesis import given
from hypothesis import strategies as st

from patcher import audit
from patcher.auditing.many import Task
from patcher.auditing.model import AuditReport, Unreadable
from patcher.auditing.options import AuditOptions, Raw
from patcher.errors import PatcherError
from patcher.fleet.merge import merge
from patcher.fleet.shard import Shard, shard


@given(st.lists(st.text(min_size=1), unique=True), st.integers(1, 9))
def test_every_file_is_in_one_part(paths: list[str], of: int) -> None:
    tasks = [Task(path) for path in paths]
    parts = [list(Shard(number, of).part(tasks)) for number in range(1, of + 1)]
    assert sorted(task.path for part in parts for task in part) == sorted(paths)


def test_a_shard_is_told_by_number_and_count() -> None:
    assert shard("2/5") == Shard(2, 5)


@pytest.mark.parametrize("text", ["", "2", "/", "a/b", "-1/5", "1/5/2", "²/5"])
def test_what_is_no_shard_is_a_sentence(text: str) -> None:
    with pytest.raises(PatcherError, match="is no shard: write 2/5 for the second of five"):
        shard(text)


@pytest.mark.parametrize("text", ["0/5", "6/5", "1/0"])
def test_parts_are_counted_from_1(text: str) -> None:
    with pytest.raises(PatcherError, match=r"^There is no part \d of \d: parts are counted from 1\.$"):
        shard(text)


def test_merged_parts_are_the_whole() -> None:
    whole = report()
    first = AuditReport(whole.files[:1], (), 3)
    second = AuditReport(whole.files[1:], whole.unreadable, 4)
    assert merge([first, second]) == merge([second, first]) == whole


def test_a_file_in_both_counts_once() -> None:
    whole = report()
    assert merge([whole, replace(whole, skipped=0)]) == whole


def test_members_of_an_archive_stay_together() -> None:
    one, other = (replace(report().files[0], path=f"a.deb!{name}") for name in ("x", "y"))
    lost = (Unreadable("a.deb!z", "It is damaged."),)
    whole = AuditReport((one, other), lost)
    assert merge([whole]) == whole


def test_an_exclamation_mark_in_a_name_on_disk_parts_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "work!"
    folder.mkdir()
    for name in "ab":
        (folder / name).write_bytes(name.encode())
    whole = audit(folder, options=AuditOptions(raw=Raw(32)))
    parts = [replace(whole, files=(file,)) for file in whole.files]
    assert len(parts) == 2
    assert merge(parts) == whole


def test_reports_that_differ_about_a_file_are_refused() -> None:
    whole = report()
    other = replace(whole, files=(replace(whole.files[0], sha256="00" * 32),))
    with pytest.raises(PatcherError) as error:
        merge([whole, other])
    assert str(error.value) == "Two reports differ about boot/vmlinuz; it was changed between the runs."


def test_paths_are_taken_as_they_are_shown() -> None:
    """They come from files, so they may be what no name on disk is."""
    lost = tuple(Unreadable(path, "sentence") for path in ("a\ud800", r"a\x21", "b"))
    merged = merge([AuditReport((), lost[1:]), AuditReport((), lost[:1])])
    assert merged.unreadable == tuple(sorted(lost, key=lambda one: one.path))
