# SPDX-License-Identifier: GPL-2.0-or-later
"""A second launch: pages come from a map or from the cache, and the guest does what it did."""

from pathlib import Path

import pytest

import guests
from patcher.auditing.options import AuditOptions
from patcher.laying import map_of
from vmm.errors import VmmError
from vmm.machine import Machine
from vmm.report.run_report import RunReport


def ran(image: bytes, **options: object) -> RunReport:
    with Machine(kernel=image, **options) as machine:
        return machine.run(timeout=60)


def outcome(report: RunReport) -> tuple[object, ...]:
    return report.exit_status, report.serial, report.screen


@pytest.mark.parametrize("name", ["hello", "redpills", "smc", "paging"])
@pytest.mark.parametrize("policy", ["fast", "trap"])
def test_the_second_launch_scans_less_and_shows_the_same(name: str, policy: str, tmp_path: Path) -> None:
    image = guests.build(name)
    first = ran(image, policy=policy, page_cache=tmp_path)
    second = ran(image, policy=policy, page_cache=tmp_path)
    assert outcome(first) == outcome(second)
    assert second.stats.pages_laid > 0
    assert second.stats.pages_scanned < first.stats.pages_scanned + first.stats.pages_laid


def test_hello_is_scanned_once(tmp_path: Path) -> None:
    image = guests.build("hello")
    assert ran(image, page_cache=tmp_path).stats.pages_laid == 0
    assert ran(image, page_cache=tmp_path).stats.pages_scanned == 0


def test_a_map_made_ahead_of_time_spares_the_scan(tmp_path: Path) -> None:
    image = guests.build("hello")
    file = tmp_path / "hello.pvmap"
    file.write_bytes(map_of(image, "hello", AuditOptions(purposes=False)).encode())
    report = ran(image, patches=file)
    assert (report.stats.pages_scanned, outcome(report)) == (0, outcome(ran(image)))


def test_a_given_map_is_believed_for_one_run(tmp_path: Path) -> None:
    image, file = guests.build("hello"), tmp_path / "hello.pvmap"
    file.write_bytes(map_of(image, "hello", AuditOptions(purposes=False)).encode())
    ran(image, patches=file, page_cache=tmp_path / "pages")
    assert not (tmp_path / "pages").exists()


def test_another_images_cache_is_not_used(tmp_path: Path) -> None:
    ran(guests.build("hello"), page_cache=tmp_path)
    assert ran(guests.build("hello") + b"\0", page_cache=tmp_path).stats.pages_laid == 0


def test_native_runs_use_neither(tmp_path: Path) -> None:
    image = guests.build("hello")
    ran(image, page_cache=tmp_path)
    assert ran(image, policy="native", page_cache=tmp_path).stats.pages_laid == 0


@pytest.mark.parametrize("content", [None, b"", b"not a map" * 20])
def test_a_map_that_is_none_is_a_sentence(content: bytes | None, tmp_path: Path) -> None:
    file = tmp_path / "m.pvmap"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(VmmError, match=r"m\.pvmap(: No such file or directory\.| is no patch map\.)$"):
        ran(guests.build("hello"), patches=file)
