# SPDX-License-Identifier: GPL-2.0-or-later
"""Effective addresses: every 16- and 32-bit form, wrapping, default segments, and the address size prefix."""

import pytest
from fake_vcpu import DS, EAX, EBP, EBX, ECX, EDI, EDX, ESI, ESP, GS, SS, instruction, world
from hypothesis import given
from hypothesis import strategies as st

from patcher.x86.segment import Segment
from vmm.effects.operand import effective, linear

words, mods, numbers = st.integers(0, 0xFFFF_FFFF), st.integers(0, 2), st.integers(0, 7)
PAIRS = [(EBX, ESI), (EBX, EDI), (EBP, ESI), (EBP, EDI), (ESI,), (EDI,), (EBP,), (EBX,)]


@given(st.lists(words, min_size=8, max_size=8), st.integers(0, 2), st.integers(0, 7), words)
def test_16_bit_forms(regs: list[int], mod: int, rm: int, disp: int) -> None:
    """SDM vol. 2A, table 2-1."""
    v = world()
    for i, value in enumerate(regs):
        v.regs[i] = value
    size = 2 if mod == 2 or (mod == 0 and rm == 6) else mod
    raw = disp.to_bytes(4, "little")[:size]
    insn = instruction(b"\x67\x8c" + bytes([mod << 6 | 3 << 3 | rm]) + raw)
    used = () if mod == 0 and rm == 6 else PAIRS[rm]
    expected = sum(regs[i] for i in used) + int.from_bytes(raw, "little", signed=True)
    assert effective(v, insn) == expected & 0xFFFF
    assert insn.data_segment == (SS if EBP in used else DS)


@given(st.lists(words, min_size=8, max_size=8), mods, numbers, st.integers(0, 255), words)
def test_32_bit_forms(regs: list[int], mod: int, rm: int, sib: int, disp: int) -> None:
    """SDM vol. 2A, tables 2-2 and 2-3."""
    v = world()
    for i, value in enumerate(regs):
        v.regs[i] = value
    base = sib & 7 if rm == 4 else rm
    absolute = mod == 0 and base == 5
    raw = disp.to_bytes(4, "little")[: 4 if mod == 2 or absolute else mod]
    insn = instruction(b"\x8c" + bytes([mod << 6 | rm]) + (bytes([sib]) if rm == 4 else b"") + raw)
    expected = int.from_bytes(raw, "little", signed=True)
    expected += 0 if absolute else regs[base]
    if rm == 4 and sib >> 3 & 7 != 4:
        expected += regs[sib >> 3 & 7] << (sib >> 6)
    assert effective(v, insn) == expected & 0xFFFF_FFFF
    assert insn.data_segment == (SS if base in (ESP, EBP) and not absolute else DS)


@pytest.mark.parametrize(("prefix", "base"), [("", 0x1000), ("65", 0x2000), ("36", 0x3000)])
def test_the_segment_base_is_added_and_the_sum_wraps(prefix: str, base: int) -> None:
    v = world()
    for register, start in ((DS, 0x1000), (GS, 0x2000), (SS, 0x3000)):
        v.segments[register] = Segment(0x10, start, 0xFFFF_FFFF, 0xC0_9300)
    v.regs[EAX] = 0xFFFF_FFF0
    assert linear(v, instruction(f"{prefix} 8c 18"), 2) == base - 0x10


def test_a_register_that_is_not_named_does_not_count() -> None:
    v = world()
    v.regs[ECX] = v.regs[EDX] = 0x1111
    assert effective(v, instruction("8c 1c 25 78 56 34 12")) == 0x1234_5678
