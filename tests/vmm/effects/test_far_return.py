# SPDX-License-Identifier: GPL-2.0-or-later
"""retf and iret: to this ring and outwards, the checks of what was popped, and which flags come back."""

import pytest
from fake_vcpu import (
    CODE,
    CODE0,
    CODE1,
    CODE3,
    CONFORMING0,
    CS,
    DATA0,
    DATA1,
    DATA3,
    DS,
    ES,
    ESP,
    FREE,
    FS,
    GS,
    SS,
    STACK0,
    FakeVcpu,
    descriptor,
    fault_of,
    hidden,
    perform,
    world,
)
from hypothesis import given
from hypothesis import strategies as st

from patcher.x86.exceptions import GP, NP, PF
from patcher.x86.exceptions import SS as SS_FAULT
from patcher.x86.flags import AC, ID, IF, IOPL, RF, VM
from patcher.x86.segment import Segment
from vmm.errors import Unsupported

TARGET = 0xD00D
words = st.integers(0, 0xFFFF_FFFF)
RETURNS = [("retf", "cb", 2), ("iret", "cf", 3)]


def frame(v: FakeVcpu, *values: int, size: int = 4) -> None:
    v.put(v.regs[ESP], *values, size=size)


@pytest.mark.parametrize("cpl", [0, 1, 3])
@pytest.mark.parametrize("size", [2, 4])
@pytest.mark.parametrize(("effect", "code", "count"), RETURNS)
def test_to_the_same_ring(cpl: int, size: int, effect: str, code: str, count: int) -> None:
    v = world(cpl)
    selector = {0: CODE0, 1: CODE1, 3: CODE3}[cpl]
    esp = v.regs[ESP]
    frame(v, TARGET, selector, 2, size=size)
    perform(v, effect, "66" * (size == 2) + code)
    assert (v.eip, v.cpl, v.regs[ESP]) == (TARGET, cpl, esp + count * size)
    assert v.segments[CS] == hidden(v, selector)


@pytest.mark.parametrize(("prefix", "size"), [("", 4), ("66", 2)])
def test_retf_releases_parameters(prefix: str, size: int) -> None:
    v = world()
    frame(v, TARGET, CODE0, size=size)
    perform(v, "retf", prefix + "ca 14 80")
    assert v.regs[ESP] == STACK0 + 2 * size + 0x8014


@pytest.mark.parametrize("ring", [1, 3])
@pytest.mark.parametrize("size", [2, 4])
@pytest.mark.parametrize("effect", ["retf", "iret"])
def test_outwards_takes_the_outer_stack_and_closes_inner_segments(ring: int, size: int, effect: str) -> None:
    v = world()
    code, data = (CODE1, DATA1) if ring == 1 else (CODE3, DATA3)
    v.segments[ES] = hidden(v, DATA3)._replace(selector=DATA3)
    v.segments[FS] = hidden(v, CONFORMING0)
    v.segments[GS] = Segment(3, 0, 0, 0)
    middle = [0x202] if effect == "iret" else [0xAAAA, 0xBBBB]
    frame(v, TARGET, code, *middle, 0x7770, data, size=size)
    perform(v, effect, "66" * (size == 2) + ("cf" if effect == "iret" else f"ca {2 * size:02x} 00"))
    assert (v.eip, v.cpl) == (TARGET, ring)
    assert (v.segments[CS], v.segments[SS]) == (hidden(v, code), hidden(v, data))
    assert v.regs[ESP] == 0x7770 + (0 if effect == "iret" else 2 * size)
    assert v.segments[DS] == (0, 0, 0, 0)
    assert [v.segments[i].selector for i in (ES, FS, GS)] == [DATA3, CONFORMING0, 3]


def test_outwards_to_a_16_bit_stack_sets_sp_alone() -> None:
    v = world()
    v.regs[ESP] = 0x1_5000
    v.set_descriptor(FREE, descriptor(0, 0xFFFF, 0xF3, 0))
    frame(v, TARGET, CODE3, 2, 0x1234_5678, FREE | 3)
    perform(v, "iret", "cf")
    assert v.regs[ESP] == 0x1_5678


def expected_fault(selector: int, access: int, cpl: int) -> tuple[int, int] | None:
    """SDM vol. 2B, RET, on the code selector that was popped."""
    rpl, dpl, name = selector & 3, access >> 5 & 3, selector & 0xFFFC
    if access & 0x18 != 0x18 or rpl < cpl or (dpl > rpl if access & 4 else dpl != rpl):
        return GP, name
    return None if access & 0x80 else (NP, name)


@pytest.mark.parametrize(("effect", "code", "_count"), RETURNS)
@pytest.mark.parametrize("cpl", [0, 1, 3])
@pytest.mark.parametrize("rpl", [0, 1, 2, 3])
def test_every_code_descriptor_from_every_ring(
    effect: str, code: str, _count: int, cpl: int, rpl: int
) -> None:
    for kind in (0x02, 0x0C, 0x13, *range(0x18, 0x20)):
        for present_and_dpl in range(0, 0x100, 0x20):
            return_to(effect, code, kind | present_and_dpl, rpl, cpl)


def return_to(effect: str, code: str, access: int, rpl: int, cpl: int) -> None:
    v = world(cpl)
    v.set_descriptor(FREE, descriptor(0, 0xF_FFFF, access))
    stack = {0: DATA0, 1: DATA1, 2: FREE + 8 | 2, 3: DATA3}[rpl]
    v.set_descriptor(FREE + 8, descriptor(0, 0xF_FFFF, 0xD3))
    frame(v, TARGET, FREE | rpl, *([2] if effect == "iret" else []), 0x7770, stack)
    expected = expected_fault(FREE | rpl, access, cpl)
    if expected:
        assert fault_of(v, effect, code) == expected
    else:
        perform(v, effect, code)
        assert (v.eip, v.cpl) == (TARGET, rpl)
        assert v.segments[CS].selector == FREE | rpl


@pytest.mark.parametrize(("effect", "code", "_count"), RETURNS)
def test_null_missing_and_short_code_segments(effect: str, code: str, _count: int) -> None:
    for selector, error in ((0, 0), (3, 0), (0x4000, 0x4000)):
        v = world()
        frame(v, TARGET, selector, 2)
        assert fault_of(v, effect, code) == (GP, error)
    v.set_descriptor(FREE, descriptor(0, TARGET - 1, 0x9B, 4))
    frame(v, TARGET, FREE, 2)
    assert fault_of(v, effect, code) == (GP, 0)


@pytest.mark.parametrize("effect", ["retf", "iret"])
@pytest.mark.parametrize(
    ("selector", "access", "fault"),
    [(3, 0, (GP, 0)), (0x4003, 0, (GP, 0x4000)), (DATA0, 0, (GP, DATA0)), (FREE, 0xF3, (GP, FREE)),
     (FREE | 3, 0xF1, (GP, FREE)), (FREE | 3, 0x73, (SS_FAULT, FREE))],
)  # fmt: skip
def test_a_bad_outer_stack(effect: str, selector: int, access: int, fault: tuple[int, int]) -> None:
    v = world()
    if access:
        v.set_descriptor(FREE, descriptor(0, 0xF_FFFF, access))
    frame(v, TARGET, CODE3, *([2] if effect == "iret" else []), 0x7770, selector)
    assert fault_of(v, effect, "cf" if effect == "iret" else "cb") == fault


def test_the_stack_may_end_inside_the_frame() -> None:
    v = world()
    v.regs[ESP] = 0x8FF4
    v.mem.absent.add(9)
    frame(v, TARGET, CODE3, 2)
    assert fault_of(v, "iret", "cf") == (PF, 0)
    frame(v, TARGET, CODE0, 2)
    perform(v, "iret", "cf")


@given(words, words, st.sampled_from([0, 1, 3]), st.booleans())
def test_iret_loads_the_flags_that_the_ring_may(old: int, image: int, cpl: int, word: bool) -> None:
    v = world(cpl)
    old = old & 0x24_3FD5 | 2
    image &= ~VM
    v.eflags = old
    size = 2 if word else 4
    frame(v, TARGET, {0: CODE0, 1: CODE1, 3: CODE3}[cpl], image & (1 << 8 * size) - 1, size=size)
    perform(v, "iret", "66 cf" if word else "cf")
    allowed = 0x4DD5 | (0 if word else AC | ID | RF)
    allowed |= IF if cpl <= old >> 12 & 3 else 0
    allowed |= 0 if cpl else IOPL
    assert v.eflags == old & ~allowed | image & allowed


def test_iret_outwards_judges_the_flags_by_the_inner_ring() -> None:
    v = world()
    frame(v, TARGET, CODE3, IOPL | IF | 2, 0x7770, DATA3)
    perform(v, "iret", "cf")
    assert v.eflags == IOPL | IF | 2


def test_iret_to_virtual_8086_mode_is_a_verdict() -> None:
    v = world()
    frame(v, TARGET, CODE0, VM | 2)
    with pytest.raises(Unsupported, match=r"iret with VM set\) at guest address 0x00010000"):
        perform(v, "iret", "cf")
    v = world(3)
    frame(v, TARGET, CODE3, VM | 2)
    perform(v, "iret", "cf")
    assert v.eflags == 2
    assert v.eip != CODE
