# SPDX-License-Identifier: GPL-2.0-or-later
"""Ports: who may touch them, what reaches the bus, and string forms that can be resumed anywhere."""

import pytest
from fake_vcpu import (
    CODE,
    DATA0,
    DATA3,
    DS,
    EAX,
    ECX,
    EDI,
    EDX,
    ES,
    ESI,
    TASK286,
    TR,
    TSS,
    fault_of,
    hidden,
    perform,
    world,
)
from hypothesis import given
from hypothesis import strategies as st

from patcher.x86.exceptions import GP, PF, GuestFault
from patcher.x86.flags import DF, TF
from patcher.x86.segment import Segment
from vmm.effects.io import CHUNK

AT = 0x8000
limits = st.integers(0x66, 0x70)
IN = [("e4 60", 0x60, 1), ("e5 60", 0x60, 4), ("66 e5 60", 0x60, 2)]
IN += [("ec", 0x3F8, 1), ("ed", 0x3F8, 4), ("66 ed", 0x3F8, 2)]
OUT = [("e6 60", 0x60, 1), ("e7 60", 0x60, 4), ("66 e7 60", 0x60, 2)]
OUT += [("ee", 0x3F8, 1), ("ef", 0x3F8, 4), ("66 ef", 0x3F8, 2)]


@pytest.mark.parametrize(("code", "port", "size"), IN)
def test_in_replaces_the_low_part_of_eax(code: str, port: int, size: int) -> None:
    v = world()
    v.regs[EAX], v.regs[EDX] = 0x1122_3344, 0xFFFF_03F8
    v.bus.answers = [0xAABB_CCDD & (1 << 8 * size) - 1]
    perform(v, "in", code)
    assert v.bus.log == [("read", port, size, 0xAABB_CCDD & (1 << 8 * size) - 1)]
    assert v.regs[EAX] == {1: 0x1122_33DD, 2: 0x1122_CCDD, 4: 0xAABB_CCDD}[size]


@pytest.mark.parametrize(("code", "port", "size"), OUT)
def test_out_writes_the_low_part_of_eax(code: str, port: int, size: int) -> None:
    v = world()
    v.regs[EAX], v.regs[EDX] = 0x1122_3344, 0xFFFF_03F8
    perform(v, "out", code)
    assert v.bus.log == [("write", port, size, 0x1122_3344 & (1 << 8 * size) - 1)]


def may(bitmap: bytes, base: int, limit: int, port: int, size: int) -> bool:
    """SDM vol. 1, section 19.5.2: every bit of the access is clear, in bytes that lie inside the TSS."""
    if base + port // 8 + 1 > limit:
        return False
    return not any(bitmap[p // 8] >> (p % 8) & 1 for p in range(port, port + size))


@given(st.binary(min_size=8, max_size=8), st.integers(0, 47), st.sampled_from([1, 2, 4]), limits)
def test_the_bitmap_opens_ports_to_outer_rings(bitmap: bytes, port: int, size: int, limit: int) -> None:
    v = world(3)
    v.mem.ram[TSS + 0x68 : TSS + 0x70] = bitmap
    v.segments[TR] = Segment(0x40, TSS, limit, 0x8B00)
    v.regs[EDX] = port
    code = {1: "ec", 2: "66 ed", 4: "ed"}[size]
    if limit >= 0x67 and may(bitmap, 0x68, limit, port, size):
        perform(v, "in", code)
    else:
        assert fault_of(v, "in", code) == (GP, 0)
        assert not v.bus.log
    v.eflags = 0x3002
    perform(v, "in", code)


@pytest.mark.parametrize(("effect", "code"), [("in", "ec"), ("out", "ee"), ("ins", "6c"), ("outs", "6e")])
def test_a_16_bit_tss_has_no_bitmap(effect: str, code: str) -> None:
    v = world(3)
    v.segments[TR] = hidden(v, TASK286)
    assert fault_of(v, effect, code) == (GP, 0)
    v.segments[TR] = Segment(0, 0, 0, 0)
    assert fault_of(v, effect, code) == (GP, 0)


@pytest.mark.parametrize(("code", "size"), [("6c", 1), ("6d", 4), ("66 6d", 2)])
def test_ins_stores_and_steps_by_size_and_direction(code: str, size: int) -> None:
    for flags, step in ((2, size), (2 | DF, -size)):
        v = world()
        v.eflags, v.regs[EDX], v.regs[EDI], v.regs[ECX] = flags, 0x1F0, AT, 7
        v.bus.answers = [0x1122_3344 & (1 << 8 * size) - 1]
        perform(v, "ins", code)
        assert v.get(AT, 1, size=size) == [0x1122_3344 & (1 << 8 * size) - 1]
        assert (v.regs[EDI], v.regs[ECX], v.eip) == (AT + step, 7, CODE + len(code.replace(" ", "")) // 2)


def test_rep_outs_takes_another_segment_by_prefix() -> None:
    v = world()
    v.segments[ES] = Segment(DATA0, 0x4000, 0xFFFF_FFFF, 0xC0_9300)
    v.put(AT, 0x11, 0x22, 0x33, size=1)
    v.regs[EDX], v.regs[ESI], v.regs[ECX] = 0xE9, AT - 0x4000, 3
    perform(v, "outs", "f3 26 6e")
    assert v.bus.log == [("write", 0xE9, 1, byte) for byte in (0x11, 0x22, 0x33)]
    assert (v.regs[ESI], v.regs[ECX], v.eip) == (AT - 0x4000 + 3, 0, CODE + 3)


def test_ins_knows_no_override() -> None:
    v = world()
    v.segments[DS] = Segment(0, 0, 0, 0)
    v.regs[EDI] = AT
    perform(v, "ins", "3e 6c")
    assert v.get(AT, 1, size=1) == [0xFF]


def test_16_bit_addresses_wrap_and_keep_the_upper_halves() -> None:
    v = world()
    v.regs[ESI], v.regs[ECX] = 0x1234_FFFF, 0x5678_0002
    v.put(0, 0xB0, size=1)
    v.put(0xFFFF, 0xA0, size=1)
    perform(v, "outs", "67 f3 6e")
    assert [entry[3] for entry in v.bus.log] == [0xA0, 0xB0]
    assert (v.regs[ESI], v.regs[ECX]) == (0x1234_0001, 0x5678_0000)


def test_a_count_of_zero_does_nothing_and_asks_nothing() -> None:
    v = world(3)
    v.segments[ES] = Segment(0, 0, 0, 0)
    perform(v, "ins", "f3 6c")
    assert (v.eip, v.bus.log) == (CODE + 2, [])


def test_a_fault_in_the_middle_leaves_the_counts_and_the_port_ready_to_go_on() -> None:
    v = world()
    v.regs[EDI], v.regs[ECX] = 0x8FFD, 6
    v.mem.absent.add(9)
    v.bus.answers = [1, 2, 3, 4, 5, 6]
    with pytest.raises(GuestFault) as caught:
        perform(v, "ins", "f3 6c")
    assert (caught.value.vector, caught.value.error_code, caught.value.address) == (PF, 2, 0x9000)
    assert (v.regs[EDI], v.regs[ECX], v.eip, len(v.bus.log)) == (0x9000, 3, CODE, 3)
    v.mem.absent.clear()
    perform(v, "ins", "f3 6c")
    assert v.get(0x8FFD, 6, size=1) == [1, 2, 3, 4, 5, 6]
    assert (v.regs[ECX], v.eip) == (0, CODE + 2)


def test_an_element_across_two_pages_reads_no_port_when_the_second_is_missing() -> None:
    v = world()
    v.regs[EDI] = 0x8FFE
    v.mem.absent.add(9)
    assert fault_of(v, "ins", "6d") == (PF, 2)
    assert not v.bus.log


def test_a_long_repeat_is_done_in_chunks() -> None:
    v = world()
    v.regs[ESI], v.regs[ECX] = AT, CHUNK + 5
    perform(v, "outs", "f3 6e")
    assert (v.regs[ECX], v.eip, len(v.bus.log)) == (5, CODE, CHUNK)
    perform(v, "outs", "f3 6e")
    assert (v.regs[ECX], v.eip, len(v.bus.log)) == (0, CODE + 2, CHUNK + 5)


def test_a_single_stepped_repeat_goes_one_at_a_time() -> None:
    v = world()
    v.eflags, v.regs[ESI], v.regs[ECX] = 2 | TF, AT, 2
    perform(v, "outs", "f3 6e")
    assert (v.regs[ECX], v.eip) == (1, CODE)


def test_the_segment_is_checked_element_by_element() -> None:
    v = world()
    v.segments[ES] = Segment(DATA3, 0, AT + 1, 0x40_9300)
    v.regs[EDI], v.regs[ECX] = AT, 4
    with pytest.raises(GuestFault) as caught:
        perform(v, "ins", "f3 6c")
    assert (caught.value.vector, v.regs[ECX]) == (GP, 2)
