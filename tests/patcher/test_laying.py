# SPDX-License-Identifier: GPL-2.0-or-later
"""Patches laid ahead of time: the records are those of the pages as a machine has them."""

from patcher.auditing.auditor import programs
from patcher.auditing.options import AuditOptions, Raw
from patcher.laying import map_of, page_of, sites_of
from patcher.patch_map import PatchMap, decode_map, key_of
from patcher.scan import PAGE, PageScan
from patcher.tactic import Closing, closer

CODE = bytes.fromhex("9c fa 0f01e0 e8 00000000 9d c3")
BASE = 0x10_0FF0
"""The code begins 16 bytes before a page's end; the call is the last on its page."""
OPTIONS = AuditOptions(raw=Raw(32, BASE), purposes=False)
DATA = CODE.ljust(16, b"\x90") + bytes.fromhex("9d 0f a2 c3")


def known(page: bytes, closing: Closing) -> PageScan | None:
    scan = PageScan(page, memoryview(bytearray(page)), 32, closer(closing))
    scan.pin()
    return scan if decode_map(map_of(DATA, "raw", OPTIONS).encode(), "m").lay(scan, closing) else None


def test_pages_are_laid_as_they_are_in_memory() -> None:
    first = bytes(PAGE - 16) + DATA[:16]
    scan = known(first, Closing.ALL)
    assert scan is not None
    assert bytes(scan.shown[-16:-11]) == bytes.fromhex("cc cc cc01e0")
    assert known(bytes(PAGE), Closing.ALL) is None


def test_ring_0_leaves_to_the_engine_what_a_machine_leaves() -> None:
    first = bytes(PAGE - 16) + DATA[:16]
    scan = known(first, Closing.KERNEL)
    assert scan is not None
    assert bytes(scan.shown[-16:-14]) == bytes.fromhex("cc fa")


def test_sites_are_listed_with_and_without_the_records() -> None:
    sites = sites_of(DATA, "raw", OPTIONS)
    assert [(site.address, site.rule) for site in sites][:3] == [
        (BASE, "pushf"),
        (BASE + 1, "cli"),
        (BASE + 2, "smsw"),
    ]
    assert map_of(DATA, "raw", OPTIONS).sites == sites


def test_the_files_own_bytes_make_the_pages() -> None:
    (binary,) = programs(DATA, "raw", OPTIONS)
    assert page_of(binary, BASE // PAGE) == bytes(PAGE - 16) + DATA[:16]
    assert page_of(binary, BASE // PAGE + 1) == DATA[16:].ljust(PAGE, b"\0")
    assert page_of(binary, 0) == bytes(PAGE)


def test_64_bit_code_has_sites_and_no_records() -> None:
    options = AuditOptions(raw=Raw(64, 0x1000), purposes=False)
    found = map_of(b"\x9c\xc3", "raw", options)
    assert [site.rule for site in found.sites] == ["pushf"]
    assert found.pages == PatchMap().pages
    assert key_of(bytes(PAGE), 32, Closing.ALL) not in found.pages
