# SPDX-License-Identifier: GPL-2.0-or-later
"""Patch maps: a page laid from a map is the page that scanning makes, and a damaged map is none."""

import struct
import tracemalloc
import zlib
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patcher.errors import PatcherError
from patcher.patch import Tactic
from patcher.patch_map import MAGIC, Listed, PageRecord, PatchMap, decode_map, key_of, tables_digest
from patcher.scan import PAGE, PageScan
from patcher.tactic import Closing, closer

CODE = bytes.fromhex("9c fa 90 0f20c0 eb02 0f01 9d c3")


def scan_of(code: bytes, closing: Closing = Closing.ALL) -> PageScan:
    original = code.ljust(PAGE, b"\x90")
    return PageScan(original, memoryview(bytearray(original)), 32, closer(closing))


def scanned(code: bytes = CODE, closing: Closing = Closing.ALL) -> PageScan:
    scan = scan_of(code, closing)
    scan.pin()
    scan.discover(0)
    return scan


def learned(*scans: PageScan, closing: Closing = Closing.ALL) -> PatchMap:
    known = PatchMap()
    for scan in scans:
        known.learn(scan, closing)
    return known


def same(one: PageScan, other: PageScan) -> bool:
    sites = [{(p.site, p.row.name, p.state) for p in scan.patches.values()} for scan in (one, other)]
    return one.shown == other.shown and one.lengths == other.lengths and sites[0] == sites[1]


@pytest.mark.parametrize("closing", Closing)
def test_a_laid_page_is_the_scanned_page(closing: Closing) -> None:
    found = scanned(closing=closing)
    known = decode_map(learned(found, closing=closing).encode(), "m")
    fresh = scan_of(CODE, closing)
    fresh.pin()
    assert known.lay(fresh, closing)
    assert same(fresh, found)


@given(st.binary(max_size=200), st.sampled_from(list(Closing)))
def test_whatever_the_page_holds(code: bytes, closing: Closing) -> None:
    found = scanned(code, closing)
    known = PatchMap()
    if not known.learn(found, closing):
        return
    fresh = scan_of(code, closing)
    fresh.pin()
    assert decode_map(known.encode(), "m").lay(fresh, closing)
    assert same(fresh, found)


def test_another_content_closing_or_width_is_not_known() -> None:
    known = learned(scanned())
    assert not known.lay(scan_of(CODE + b"\x00"), Closing.ALL)
    assert not known.lay(scan_of(CODE), Closing.KERNEL)
    page = CODE.ljust(PAGE, b"\x90")
    assert key_of(page, 16, Closing.ALL) != key_of(page, 32, Closing.ALL)


def test_what_knows_more_replaces_what_knows_less() -> None:
    little, much = scanned(), scanned()
    much.discover(0x800)
    known = learned(little)
    assert known.learn(much, Closing.ALL)
    assert not known.learn(little, Closing.ALL)
    (record,) = known.pages.values()
    assert record.lengths == bytes(much.lengths)


def test_a_page_with_a_patch_that_gave_way_is_not_kept() -> None:
    scan = scanned()
    scan.patches[0].disable(scan.shown, "in the way")
    assert not PatchMap().learn(scan, Closing.ALL)


def test_a_stub_is_kept_as_the_trap_that_it_began_as() -> None:
    found, promoted = scanned(), scanned()
    promoted.patches[0].tactic = Tactic.STUB
    assert learned(promoted).pages == learned(found).pages


def test_the_list_of_sites_is_kept() -> None:
    site = Listed("", ".text", "f", 3, "pushf", "trap", 0x1003, 32, b"\x9c")
    assert decode_map(PatchMap(sites=(site,)).encode(), "m").sites == (site,)


@given(st.data())
def test_any_changed_byte_is_noticed(data: st.DataObject) -> None:
    file = bytearray(learned(scanned()).encode())
    at = data.draw(st.integers(0, len(file) - 1))
    file[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(PatcherError, match=r"^m (is|was) "):
        decode_map(bytes(file), "m")


@pytest.mark.parametrize("length", [0, 7, 59, 60, 100])
def test_a_truncated_file_is_refused(length: int) -> None:
    with pytest.raises(PatcherError):
        decode_map(learned(scanned()).encode()[:length], "m")


def test_a_map_of_another_catalogue_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    file = learned(scanned()).encode()
    monkeypatch.setattr("patcher.patch_map.tables_digest", lambda: b"another digest..")
    with pytest.raises(PatcherError) as error:
        decode_map(file, "m")
    assert str(error.value) == "m was made with another catalogue, so it may miss sites; make it again."


def file_of(listed: bytes, records: bytes) -> bytes:
    """A file that was made on purpose, its digests right."""
    body = struct.pack("<I", len(listed)) + listed + zlib.compress(records)
    return MAGIC + tables_digest() + sha256(body).digest() + body


def record(sites: tuple[int, ...], lengths: bytes) -> bytes:
    return bytes(16) + struct.pack(f"<H{len(sites)}H", len(sites), *sites) + lengths


@pytest.mark.parametrize(
    "file",
    [
        file_of(b"", record((PAGE,), bytes(PAGE))),
        file_of(b"", record((), bytes([16]) * PAGE)),
        file_of(b"", record((), bytes([254]) * PAGE)),
        file_of(b"", record((1, 2), bytes(PAGE - 1))),
        file_of(b"[" * 100_000, b""),
    ],
    ids=[
        "a site past the page",
        "an instruction too long",
        "no length",
        "too short",
        "a list in a list in a list",
    ],
)
def test_a_file_with_records_that_no_scan_makes_is_refused(file: bytes) -> None:
    with pytest.raises(PatcherError, match=r"^m is damaged: its records cannot be unpacked\.$"):
        decode_map(file, "m")


def test_a_record_with_a_site_over_the_end_of_the_page_is_not_used() -> None:
    scan = scan_of(b"\x0f".rjust(PAGE, b"\x90"))
    known = PatchMap({key_of(scan.original, 32, Closing.ALL): PageRecord((PAGE - 1,), b"\1" * PAGE)})
    assert not known.lay(scan, Closing.ALL)
    assert not any(scan.lengths)


@pytest.mark.parametrize("name", ["x86/decode.py", "catalogue/flags.py", "scan.py"])
def test_a_changed_decoder_catalogue_or_scan_has_another_digest(name: str, tmp_path: Path) -> None:
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    digests = set()
    for text in ("one", "two"):
        file.write_text(text)
        tables_digest.cache_clear()
        digests.add(tables_digest(tmp_path))
    assert len(digests) == 2


def test_a_scan_that_was_interrupted_leaves_nothing_half_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lengths are known before the sites behind them are closed."""

    def interrupted(_scan: PageScan, _offset: int, _kind: int) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(PageScan, "_close_found", interrupted)
    scan = scan_of(CODE)
    with pytest.raises(KeyboardInterrupt):
        scan.discover(0)
    assert not PatchMap().learn(scan, Closing.ALL)


def test_a_map_that_promises_too_much_is_never_held_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    file = PatchMap().encode()
    body = file[56:60] + zlib.compress(bytes(16384 * (18 + PAGE)))
    tracemalloc.start()
    found = decode_map(file[:24] + sha256(body).digest() + body, "m")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(found.pages) == 1
    assert peak < 8 << 20
