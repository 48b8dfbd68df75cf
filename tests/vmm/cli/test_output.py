# SPDX-License-Identifier: GPL-2.0-or-later
"""Files that commands write: the old one or the new one, whole, and nothing else left in the folder."""

import os
from pathlib import Path

import click
import pytest

from vmm.cli.output import check_output, whole_file, whole_text


class Ended(Exception):
    """The work was ended half way."""


def end_half_way(file: Path) -> None:
    with whole_file(str(file)) as stream:
        stream.write(b"new")
        stream.flush()
        assert file.read_text() == "old"
        raise Ended


def test_what_is_written_in_part_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "report"
    file.write_text("old")
    with pytest.raises(Ended):
        end_half_way(file)
    assert (file.read_text(), os.listdir(tmp_path)) == ("old", ["report"])


def test_what_is_written_whole_replaces_the_old_file_and_keeps_its_mode(tmp_path: Path) -> None:
    file = tmp_path / "report"
    file.write_text("old and longer")
    file.chmod(0o640)
    with whole_text(str(file)) as stream:
        stream.write("new\r\n")
    assert (file.read_bytes(), os.listdir(tmp_path)) == (b"new\r\n", ["report"])
    assert file.stat().st_mode & 0o777 == 0o640


def test_a_new_file_has_the_usual_mode(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("")
    with whole_text(str(tmp_path / "report")):
        pass
    assert (tmp_path / "report").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_a_link_still_leads_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "report").write_text("old")
    link = tmp_path / "link"
    link.symlink_to("report")
    with whole_text(str(link)) as stream:
        stream.write("new")
    assert link.is_symlink()
    assert (tmp_path / "report").read_text() == "new"


def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with whole_text(str(pipe)) as stream:
        stream.write("piped")
    assert os.read(reader, 100) == b"piped"
    os.close(reader)
    assert os.listdir(tmp_path) == ["pipe"]


@pytest.mark.parametrize(
    ("path", "reason"), [("folder", "Is a directory"), ("none/report", "No such file or directory")]
)
def test_a_wrong_place_is_told_before_the_work(tmp_path: Path, path: str, reason: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(click.UsageError, match=f"^-o .*{path}: {reason}$"):
        check_output(str(tmp_path / path))
