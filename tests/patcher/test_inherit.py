# SPDX-License-Identifier: GPL-2.0-or-later
"""A scan made from an earlier one knows what a scan from nothing would find, whatever byte has changed."""

from hypothesis import given
from hypothesis import strategies as st

from patcher.inherit import inherit
from patcher.scan import PAGE, PageScan
from patcher.tactic import Closing, closer

CODE = bytes.fromhex("9c 58 66 8c c8 0f 01 e0 b8 9c 0f 01 e0 2e 0f 00 c8 eb 03 0f 20 c0 90 90 cd 03 c3")


def scan_of(original: bytes) -> PageScan:
    shown = memoryview(bytearray(original))
    scan = PageScan(original, shown, 32, closer(Closing.ALL))
    return scan


def page(at: int) -> bytes:
    return (b"\x90" * at + CODE).ljust(PAGE, b"\x90")[:PAGE]


@given(
    st.integers(0, PAGE - 1),
    st.lists(st.tuples(st.integers(0, len(CODE) + 20), st.integers(0, 255)), max_size=3),
)
def test_it_is_a_scan_of_the_new_bytes(at: int, changes: list[tuple[int, int]]) -> None:
    before = page(at)
    old = scan_of(before)
    old.pin()
    old.discover(at)
    now = bytearray(before)
    for offset, value in changes:
        now[min(PAGE - 1, max(0, at - 10) + offset)] = value
    heir, fresh = scan_of(bytes(now)), scan_of(bytes(now))
    inherit(heir, old)
    for scan in (heir, fresh):
        scan.pin()
        for start in range(max(0, at - 14), PAGE):
            scan.discover(start)
    assert heir.shown[max(0, at - 14) :] == fresh.shown[max(0, at - 14) :]
    assert heir.lengths[max(0, at - 14) :] == fresh.lengths[max(0, at - 14) :]


def test_without_a_change_nothing_is_looked_at_again() -> None:
    old = scan_of(page(0))
    old.pin()
    old.discover(0)
    assert len(inherit(scan_of(page(0)), old)) == 0


def test_a_hidden_lock_far_from_the_byte_that_changed_is_looked_at_again() -> None:
    """With thirteen prefixes the sequence is longer than any instruction, and hidden all the same."""
    before = (b"\xf0" + b"\x66" * 13 + b"\x0f\xa3\xc0").ljust(PAGE, b"\x90")
    now = before.replace(b"\xa3", b"\x90")
    old, heir = scan_of(before), scan_of(now)
    for scan in (old, heir):
        if scan is heir:
            assert 0 not in inherit(heir, old)
        scan.pin()
        scan.discover(0)
        assert scan.shown[0] == 0xCC
