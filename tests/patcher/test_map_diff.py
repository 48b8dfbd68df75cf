# SPDX-License-Identifier: GPL-2.0-or-later
"""Sites of two images compared: addresses alone are no difference, sites are."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patcher.map_diff import compare
from patcher.patch_map import Listed

SITE = Listed("", ".text", "f", 0x10, "pushf", "trap", 0x1010, 32, b"\x9c")


def test_a_relinked_image_is_the_same() -> None:
    found = compare([SITE], [replace(SITE, address=0x9999)])
    assert (found.same, found.differs) == (1, False)


def test_addresses_in_bytes_and_in_made_up_names_are_no_difference() -> None:
    """verw of a variable in a function that has no name, linked elsewhere."""
    verw = replace(SITE, function="func_1000", rule="verw", raw=b"\x0f\x00\x2d\x78\xb7\x93\xc1")
    moved = replace(verw, function="func_8000", address=0x8010, raw=b"\x0f\x00\x2d\x9a\x2d\x9e\xc1")
    assert compare([verw], [moved]).same == 1
    assert compare([verw], [replace(moved, raw=b"\x0f\x00\xe8")]).differs


def test_functions_without_names_may_have_sites_at_equal_offsets() -> None:
    one, other = (replace(SITE, function=f"func_{start:x}", address=start + 0x10) for start in (0x1000, 0x2000))
    found = compare([one, other], [replace(other, function="func_3000", address=0x3010)])
    assert (found.same, found.removed, found.added) == (1, (other,), ())


@pytest.mark.parametrize(
    "change", [{"function": "g"}, {"rule": "popf"}, {"raw": b"\x66\x9c"}, {"program": "setup"}]
)
def test_another_site_is_one_gone_and_one_come(change: dict) -> None:
    other = replace(SITE, **change)
    found = compare([SITE], [other])
    assert (found.removed, found.added, found.same, found.differs) == ((SITE,), (other,), 0, True)


def test_another_offset_is_a_move() -> None:
    found = compare([SITE], [replace(SITE, function_offset=0x20)])
    assert (len(found.moved), found.same, found.differs) == (1, 0, False)


def test_equal_offsets_are_paired_first() -> None:
    at = [replace(SITE, function_offset=offset) for offset in (0x10, 0x20, 0x30)]
    found = compare([at[1]], [at[0], at[1], at[2]])
    assert (found.same, found.added, found.moved) == (1, (at[0], at[2]), ())


def test_closed_otherwise_is_a_difference() -> None:
    other = replace(SITE, tactic="turns")
    found = compare([SITE], [other])
    assert [(pair.before, pair.after) for pair in found.closed_otherwise] == [(SITE, other)]
    assert found.differs


_SITES = st.lists(
    st.builds(
        Listed, st.just(""), st.just(".text"), st.sampled_from("fg"), st.integers(0, 5),
        st.sampled_from(("popf", "cli")),
        st.just("trap"), st.integers(0, 99), st.just(32), st.just(b"\x9c"),
    ),
)  # fmt: skip


@given(_SITES, _SITES)
def test_every_site_is_counted_once(before: list[Listed], after: list[Listed]) -> None:
    found = compare(before, after)
    pairs = found.same + len(found.moved)
    assert len(before) == pairs + len(found.removed)
    assert len(after) == pairs + len(found.added)
    assert not compare(before, before).differs
