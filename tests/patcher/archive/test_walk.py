# SPDX-License-Identifier: GPL-2.0-or-later
"""Walking folders and archives in archives: names, limits, and what is never opened."""

import gzip
import os
from pathlib import Path

import pytest
from archive_maker import ar, oci, tar

from patcher.archive.walk import Found, Limits, files, walk, walk_bytes
from patcher.auditing.model import Unreadable


def shown(path: Path, limits: Limits | None = None) -> list[tuple[str, bytes]]:
    return [
        (
            found.path.removeprefix(str(path)),
            found.data if isinstance(found, Found) else found.reason.encode(),
        )
        for found in walk(path, limits)
    ]


def test_a_folder_is_walked_in_order(tmp_path: Path) -> None:
    for name in ("b/two", "a.bin", "b/c/three", "z"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    assert [path for path, _ in shown(tmp_path)] == ["/a.bin", "/z", "/b/two", "/b/c/three"]
    assert not any(named for _, named in files(tmp_path))


def test_links_pipes_and_devices_in_a_folder_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc/passwd")
    (tmp_path / "loop").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    assert shown(tmp_path) == []
    (answer,) = walk(tmp_path / "pipe")
    assert answer == Unreadable(f"{tmp_path}/pipe", f"{tmp_path}/pipe is no regular file.")


def test_a_named_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"x")
    (tmp_path / "link").symlink_to("real")
    assert list(walk(tmp_path / "link")) == [Found(f"{tmp_path}/link", b"x", True)]


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "none"
    assert list(walk(path)) == [Unreadable(str(path), f"{path} cannot be read: no such file or directory.")]


def test_members_are_named_by_the_way_to_them() -> None:
    inner = tar(("./boot/vmlinuz", b"k"), ("./a.gz", gzip.compress(b"z")))
    data = ar(("debian-binary", b"2.0\n"), ("data.tar.gz", gzip.compress(inner)))
    assert list(walk_bytes(data, "pkg.deb")) == [
        Found("pkg.deb!./boot/vmlinuz", b"k", False),
        Found("pkg.deb!./a.gz!a", b"z", False),
    ]


def test_what_packs_one_named_file_stands_for_it() -> None:
    assert list(walk_bytes(gzip.compress(b"text"), "m.ko.gz")) == [Found("m.ko.gz!m.ko", b"text", True)]


def test_archives_nest_as_deep_as_the_limit() -> None:
    data = b"x"
    for _ in range(4):
        data = gzip.compress(data)
    (found,) = walk_bytes(data, "a", limits=Limits(depth=3))
    assert found == Unreadable(
        "a!contents!contents!contents",
        "a!contents!contents!contents is an archive 3 archives deep, and that is the limit.",
    )


@pytest.mark.parametrize(
    ("limits", "sentence"),
    [
        (Limits(total=25), "a was left unfinished: it unpacks to more than 25 bytes, which is the limit."),
        (Limits(members=2), "a was left unfinished: it holds more than 2 files, which is the limit."),
    ],
)
def test_limits_on_all_of_a_file(limits: Limits, sentence: str) -> None:
    data = tar(*((str(number), b"x" * 10) for number in range(9)))
    *found, last = walk_bytes(data, "a", limits=limits)
    assert len(found) == 2
    assert last == Unreadable("a", sentence)


def test_a_small_file_unpacks_to_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """Archives of archives would multiply: 32 times on each of eight levels."""
    monkeypatch.setattr("patcher.archive.walk.ALL_FLOOR", 5000)
    monkeypatch.setattr("patcher.archive.walk.ALL_RATIO", 1)
    inner = gzip.compress(bytes(4000))
    data = tar(*((str(number), inner) for number in range(5)))
    *found, last = walk_bytes(data, "a")
    assert len(found) < 5
    said = f"a was left unfinished: it unpacks to more than {len(data)} bytes, which is the limit."
    assert last == Unreadable("a", said)


def test_a_large_file_unpacks_to_as_much_as_any() -> None:
    assert Limits().of_all(1 << 30) == Limits().total


def test_a_file_larger_than_the_limit_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"x" * 11)
    assert shown(tmp_path, Limits(member=10)) == [
        ("/big", f"{tmp_path}/big has 11 bytes, more than the limit of 10.".encode())
    ]


def test_damage_costs_what_is_behind_it_only() -> None:
    data = tar(("good", b"g"), ("bad.gz", gzip.compress(b"x" * 99)[:20]), ("fine", b"f"))
    assert [found.path for found in walk_bytes(data, "a")] == ["a!good", "a!bad.gz", "a!fine"]


def test_a_container_image_in_a_folder_counts_as_one_file(tmp_path: Path) -> None:
    for name, data in oci(tar(("bin/a", b"1"), ("bin/b", b"2")), tar(("bin/.wh.a", b""))).items():
        (tmp_path / "image" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "image" / name).write_bytes(data)
    assert shown(tmp_path) == [("/image!bin/b", b"2")]
    assert [path for path, _ in files(tmp_path)] == [tmp_path / "image"]


def test_names_cannot_disturb_a_terminal() -> None:
    (found,) = walk_bytes(tar(("\x1b[2Jx\ny", b"1")), "a")
    assert found.path == "a!\\x1b[2Jx\\ny"
