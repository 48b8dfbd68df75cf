# SPDX-License-Identifier: GPL-2.0-or-later
"""int n, int3, into, int1 and bound: which gate, which return address, whose DPL."""

import pytest
from fake_vcpu import CODE, CODE0, EAX, ESI, ESP, IDT, STACK0, fault_of, gate, perform, world
from hypothesis import given
from hypothesis import strategies as st

from patcher.x86.exceptions import BR, GP
from patcher.x86.flags import OF, RF

HANDLER = 0xC000
AT = 0x8000
GATED = [("int n", "cd 28", 0x28), ("int3", "cc", 3), ("into", "ce", 4)]


@pytest.mark.parametrize(
    ("effect", "code", "vector"),
    [*GATED, ("int n", "cd 03", 3), ("int1", "f1", 1)],
)
def test_the_gate_is_entered_with_the_next_instruction_pushed(effect: str, code: str, vector: int) -> None:
    v = world()
    v.eflags = 2 | OF
    insn = perform(v, effect, code)
    assert v.eip == HANDLER + 16 * vector
    assert v.get(v.regs[ESP], 3) == [CODE + insn.length, CODE0, 2 | OF]
    assert v.regs[ESP] == STACK0 - 12


@pytest.mark.parametrize(("effect", "code", "vector"), GATED)
def test_ring_3_needs_a_gate_of_dpl_3(effect: str, code: str, vector: int) -> None:
    v = world(3)
    v.eflags = 2 | OF
    assert fault_of(v, effect, code) == (GP, vector * 8 + 2)
    v.put(IDT + 8 * vector, gate(CODE0, HANDLER, 0xEE), size=8)
    perform(v, effect, code)
    assert (v.eip, v.cpl) == (HANDLER, 0)


def test_int1_asks_no_gate_for_its_dpl_and_reports_faults_as_external() -> None:
    v = world(3)
    perform(v, "int1", "f1")
    assert v.eip == HANDLER + 16
    assert v.dr[6] == 0xFFFF_0FF0
    assert not v.get(v.regs[ESP] + 8, 1)[0] & RF
    v = world(3)
    v.idtr.limit = 0
    assert fault_of(v, "int1", "f1") == (GP, 1 * 8 + 3)


def test_into_goes_on_when_of_is_clear() -> None:
    v = world(3)
    perform(v, "into", "ce")
    assert v.eip == CODE + 1


@given(st.integers(-(2**31), 2**31 - 1), st.integers(-(2**31), 2**31 - 1), st.integers(-(2**31), 2**31 - 1))
def test_bound_compares_signed(index: int, lower: int, upper: int) -> None:
    for code, bits in (("62 06", 32), ("66 62 06", 16)):
        mask, half = (1 << bits) - 1, 1 << bits - 1
        v = world(3)
        v.regs[ESI], v.regs[EAX] = AT, index & 0xFFFF_FFFF
        v.put(AT, lower & mask, upper & mask, size=bits // 8)
        low, at, high = ((x + half & mask) - half for x in (lower, index, upper))
        if low <= at <= high:
            insn = perform(v, "bound", code)
            assert v.eip == CODE + insn.length
        else:
            assert fault_of(v, "bound", code) == (BR, None)
