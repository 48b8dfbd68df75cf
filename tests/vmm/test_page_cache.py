# SPDX-License-Identifier: GPL-2.0-or-later
"""Scanned pages on disk: kept whole, bounded, and never a reason to fail."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from patcher.patch_map import PageRecord, PatchMap
from patcher.scan import PAGE
from vmm import page_cache
from vmm.page_cache import PageCache


def known(number: int) -> PatchMap:
    return PatchMap({bytes([number]) * 16: PageRecord((1,), bytes(PAGE))})


def test_what_was_stored_is_loaded(tmp_path: Path) -> None:
    cache = PageCache(tmp_path / "new" / "folder")
    cache.store(b"image", known(1))
    assert cache.load(b"image") == known(1)
    assert cache.load(b"another image") == PatchMap()


def test_a_damaged_file_is_an_empty_map(tmp_path: Path) -> None:
    cache = PageCache(tmp_path)
    cache.store(b"image", known(1))
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    assert cache.load(b"image") == PatchMap()


def test_a_folder_that_cannot_be_written_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    PageCache(tmp_path / "file").store(b"image", known(1))


def test_many_at_once_leave_a_whole_file(tmp_path: Path) -> None:
    cache = PageCache(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: cache.store(b"image", known(number)), range(64)))
    assert len(cache.load(b"image").pages) == 1
    assert [file.suffix for file in tmp_path.iterdir()] == [".pvmap"]


def test_the_oldest_maps_go_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = PageCache(tmp_path)
    for number in range(4):
        cache.store(bytes([number]), known(number))
        os.utime(cache.file(bytes([number])), (number, number))
    size = cache.file(b"\0").stat().st_size
    monkeypatch.setattr(page_cache, "MOST_BYTES", 3 * size)
    cache.store(b"new", known(9))
    assert [cache.load(bytes([n])) != PatchMap() for n in range(4)] == [False, False, True, True]
    assert cache.load(b"new") == known(9)


def test_a_map_that_is_only_read_counts_as_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = PageCache(tmp_path)
    for number in range(2):
        cache.store(bytes([number]), known(number))
        os.utime(cache.file(bytes([number])), (number, number))
    cache.load(b"\0")
    monkeypatch.setattr(page_cache, "MOST_BYTES", 2 * cache.file(b"\0").stat().st_size)
    cache.store(b"new", known(9))
    assert [cache.load(bytes([n])) != PatchMap() for n in range(2)] == [True, False]
