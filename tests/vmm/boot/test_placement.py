# SPDX-License-Identifier: GPL-2.0-or-later
"""Claims on guest RAM: nothing lies over anything else, and every refusal names both sides."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmm.boot.placement import Placement
from vmm.errors import VmmError

SIZE = 4 << 20


@pytest.fixture
def place(ram: memoryview) -> Placement:
    return Placement(ram, SIZE)


def test_put_writes_data_and_zeroes_behind_it(place: Placement) -> None:
    place.ram[0x10_0000:0x10_0010] = b"\xff" * 16
    place.put(0x10_0000, b"abc", "the kernel", 8)
    assert bytes(place.ram[0x10_0000:0x10_0010]) == b"abc" + bytes(5) + b"\xff" * 8


@pytest.mark.parametrize(
    ("start", "size", "sentence"),
    [
        (0x3F_FFFF, 2, "X (0x2 bytes at guest-physical 0x003fffff) reaches past the guest's 4 MiB of RAM."),
        (
            0xFFFF_FFFF_0000,
            0,
            "X (0x0 bytes at guest-physical 0xffffffff0000) reaches past the guest's 4 MiB of RAM.",
        ),
        (
            0x20_0FFF,
            2,
            "X (guest-physical [0x00200fff, 0x00201001)) overlaps the kernel ([0x00201000, 0x00202000)).",
        ),
        (
            0x20_1FFF,
            2,
            "X (guest-physical [0x00201fff, 0x00202001)) overlaps the kernel ([0x00201000, 0x00202000)).",
        ),
        (
            0x20_1000,
            1,
            "X (guest-physical [0x00201000, 0x00201001)) overlaps the kernel ([0x00201000, 0x00202000)).",
        ),
        (
            0x4FF,
            1,
            "X (guest-physical [0x000004ff, 0x00000500)) overlaps the interrupt vectors and BIOS data "
            "([0x00000000, 0x00000500)).",
        ),
        (
            0xB_8000,
            1,
            "X (guest-physical [0x000b8000, 0x000b8001)) overlaps the video and BIOS area "
            "([0x0009fc00, 0x00100000)).",
        ),
    ],
)
def test_a_range_that_is_taken_or_not_there_is_refused(
    place: Placement, start: int, size: int, sentence: str
) -> None:
    place.claim(0x20_1000, 0x1000, "the kernel")
    with pytest.raises(VmmError) as caught:
        place.claim(start, size, "x")
    assert str(caught.value) == sentence


def test_neighbours_touch(place: Placement) -> None:
    place.claim(0x20_1000, 0x1000, "the kernel")
    place.claim(0x20_0000, 0x1000, "the one below")
    place.claim(0x20_2000, 0x1000, "the one above")


def test_the_lowest_place_is_between_what_is_there(place: Placement) -> None:
    place.claim(0x1010, 0x10, "a")
    place.claim(0x1030, 0x10, "b")
    assert [place.lowest(0x10, "c"), place.lowest(0x20, "d"), place.lowest(0x10, "e")] == [
        0x1000,
        0x1040,
        0x1020,
    ]


def test_the_highest_place_is_below_what_is_there(place: Placement) -> None:
    place.claim(0x3F_F000, 0x1000, "the top page")
    window = (0x10_0000, 1 << 32)
    assert place.highest(0x1800, "a", 0x1000, window) == 0x3F_D000
    assert place.highest(0x1000, "b", 0x1000, window) == 0x3F_C000
    assert place.highest(0x10, "c", 0x1000, (0x10_0000, 0x20_0000)) == 0x1F_F000


def test_no_room_is_a_sentence(place: Placement) -> None:
    with pytest.raises(VmmError) as caught:
        place.lowest(0x10_0000, "the command line")
    assert str(caught.value) == (
        "There is no room for the command line (0x100000 bytes) in guest-physical [0x00001000, 0x0009fc00)."
    )
    with pytest.raises(VmmError, match=r"^There is no room for it \(0x400000 bytes\)"):
        place.highest(0x40_0000, "it", 0x1000, (0x10_0000, 1 << 32))


REQUESTS = st.tuples(st.booleans(), st.integers(1, 0x9_0000), st.sampled_from([1, 16, 4096]))


@given(st.lists(REQUESTS, max_size=30))
def test_claims_never_overlap(requests: list[tuple[bool, int, int]]) -> None:
    place = Placement(memoryview(b""), SIZE)
    for from_top, size, align in requests:
        window = (0x1000, SIZE)
        try:
            start = (
                place.highest(size, "x", align, window)
                if from_top
                else place.lowest(size, "x", align, window)
            )
        except VmmError:
            continue
        assert start % align == 0
        assert 0x1000 <= start <= SIZE - size
    assert all(low.end <= high.start for low, high in zip(place.claims, place.claims[1:], strict=False))
