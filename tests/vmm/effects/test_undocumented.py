# SPDX-License-Identifier: GPL-2.0-or-later
"""The undocumented TEST gives the flags of AND; a reserved nop does nothing at all."""

import pytest
from fake_vcpu import CODE, EAX, EBX, ESI, fault_of, perform, world
from hypothesis import given
from hypothesis import strategies as st

from patcher.x86.exceptions import PF

AT = 0x8000


@given(st.integers(0, 0xFFFF_FFFF), st.integers(0, 0xFFFF_FFFF), st.sampled_from([1, 2, 4]), st.booleans())
def test_flags_are_those_of_and(value: int, mask: int, size: int, memory: bool) -> None:
    v = world(3)
    v.eflags = 0x24_08D7 | 2
    v.regs[EBX], v.regs[ESI] = value, AT
    v.put(AT, value)
    mask &= (1 << 8 * size) - 1
    opcode = {1: "f6", 2: "66 f7", 4: "f7"}[size] + ("0e" if memory else "cb")
    perform(v, "test", opcode + mask.to_bytes(size, "little").hex())
    result = value & mask
    expected = 0x24_0002 | (result == 0) << 6 | (result >> 8 * size - 1) << 7
    expected |= (bin(result & 0xFF).count("1") % 2 == 0) << 2
    assert v.eflags == expected


def test_a_high_byte_register() -> None:
    v = world()
    v.regs[EBX] = 0x8000
    perform(v, "test", "f6 cf 80")
    assert v.eflags == 0x82


def test_a_missing_operand_faults() -> None:
    v = world()
    v.regs[ESI] = AT
    v.mem.absent.add(8)
    assert fault_of(v, "test", "f6 0e 01") == (PF, 0)


@pytest.mark.parametrize("code", ["0f 0d c0", "0f 18 d8"])
def test_a_reserved_nop(code: str) -> None:
    v = world(3)
    before = v.state()
    perform(v, "nop", code)
    assert v.eip == CODE + 3
    v.eip = CODE
    assert v.state() == before
    assert v.regs[EAX] == 0
