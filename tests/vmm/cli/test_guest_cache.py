# SPDX-License-Identifier: GPL-2.0-or-later
"""The cache of assembled guests: hit, miss, damage, and a folder that cannot be written."""

from pathlib import Path

import pytest

import guests
from vmm.cli import guest_cache
from vmm.cli.guest_cache import cache_folder, cached_build

IMAGE = b"an image"


@pytest.fixture
def builds(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """An empty cache, and the names of the guests that were built."""
    built: list[str] = []

    def build(name: str) -> bytes:
        built.append(name)
        return IMAGE

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(guests, "build", build)
    return built


def only_file() -> Path:
    (file,) = (cache_folder() / "guests").iterdir()
    return file


def test_a_guest_is_built_once(builds: list[str]) -> None:
    assert [cached_build("hello"), cached_build("hello")] == [IMAGE, IMAGE]
    assert builds == ["hello"]


def test_a_guest_in_a_folder_is_a_plain_file(builds: list[str]) -> None:
    cached_build("hostile/some")
    assert only_file().name == "hostile--some.bin"


@pytest.mark.parametrize(
    "damage", [lambda b: b[:-1], lambda b: b + b"x", lambda b: b"", lambda b: b"\0" * len(b)]
)
def test_a_damaged_file_is_built_anew(builds: list[str], damage) -> None:
    cached_build("hello")
    only_file().write_bytes(damage(only_file().read_bytes()))
    assert cached_build("hello") == IMAGE
    assert builds == ["hello", "hello"]
    assert cached_build("hello") == IMAGE
    assert len(builds) == 2


def test_another_source_is_built_anew_in_the_same_place(builds: list[str], monkeypatch, tmp_path) -> None:
    cached_build("hello")
    changed = tmp_path / "changed.s"
    changed.write_text("nop\n")
    monkeypatch.setattr(guest_cache, "_ingredients", lambda name: iter([changed]))
    cached_build("hello")
    assert builds == ["hello", "hello"]
    assert only_file().name == "hello.bin"


def test_the_key_covers_text_includes_and_builder() -> None:
    names = {path.name for path in guest_cache._ingredients("hello")}
    assert {"guest.s", "build.py", "layout.s"} <= names


def test_a_folder_that_cannot_be_written_is_no_failure(builds: list[str], monkeypatch, tmp_path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert cached_build("hello") == IMAGE


def test_a_relative_cache_home_is_ignored(monkeypatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "here")
    assert cache_folder() == Path.home() / ".cache" / "patchvisor"
