# SPDX-License-Identifier: GPL-2.0-or-later
"""Far jumps and calls: code segments and call gates, direct and through memory, with every privilege rule."""

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
    ESI,
    ESP,
    FREE,
    LDT,
    LDT_SELECTOR,
    LDTR,
    SS,
    STACK0,
    STACK1,
    STACK3,
    TSS,
    FakeVcpu,
    descriptor,
    fault_of,
    gate,
    hidden,
    perform,
    world,
)

from patcher.x86.exceptions import GP, NP, PF, TS, UD
from patcher.x86.exceptions import SS as SS_FAULT

AT = 0x8000
TARGET = 0x1_D00D


def jump_code(selector: int, offset: int = TARGET) -> str:
    return "ea" + offset.to_bytes(4, "little").hex() + selector.to_bytes(2, "little").hex()


def call_code(selector: int, offset: int = TARGET) -> str:
    return "9a" + jump_code(selector, offset)[2:]


def direct_fault(selector: int, access: int, cpl: int) -> tuple[int, int] | None:
    """SDM vol. 2A, JMP: conforming from outside or here, others only here and with RPL no outer than CPL."""
    rpl, dpl, name = selector & 3, access >> 5 & 3, selector & 0xFFFC
    if access & 0x18 != 0x18:
        return GP, name
    allowed = dpl <= cpl if access & 4 else dpl == cpl and rpl <= cpl
    if not allowed:
        return GP, name
    return None if access & 0x80 else (NP, name)


@pytest.mark.parametrize("call", [False, True])
@pytest.mark.parametrize("cpl", [0, 1, 3])
@pytest.mark.parametrize("rpl", [0, 1, 2, 3])
def test_code_segments_of_every_kind_from_every_ring(call: bool, cpl: int, rpl: int) -> None:
    for kind in (0x10, *range(0x18, 0x20)):
        for present_and_dpl in range(0, 0x100, 0x20):
            direct_transfer(call, kind | present_and_dpl, rpl, cpl)


def direct_transfer(call: bool, access: int, rpl: int, cpl: int) -> None:
    v = world(cpl)
    v.set_descriptor(FREE, descriptor(0, 0xF_FFFF, access))
    effect, code = ("call far", call_code(FREE | rpl)) if call else ("jmp far", jump_code(FREE | rpl))
    expected = direct_fault(FREE | rpl, access, cpl)
    if expected:
        assert fault_of(v, effect, code) == expected
        return
    esp, old_cs = v.regs[ESP], v.segments[CS].selector
    perform(v, effect, code)
    assert v.segments[CS] == hidden(v, FREE)._replace(selector=FREE | cpl)
    assert v.access_byte(FREE) == access | 1
    assert (v.eip, v.cpl) == (TARGET, cpl)
    if call:
        assert v.get(v.regs[ESP], 2) == [CODE + 7, old_cs]
    assert v.regs[ESP] == (esp - 8 if call else esp)


def test_16_bit_operand_size_cuts_the_offset_and_the_frame() -> None:
    v = world()
    perform(v, "jmp far", "66 ea 0d d0 08 00")
    assert v.eip == 0xD00D
    v = world()
    perform(v, "call far", "66 9a 0d d0 08 00")
    assert v.eip == 0xD00D
    assert v.regs[ESP] == STACK0 - 4
    assert v.get(STACK0 - 4, 2, size=2) == [6, CODE0]


@pytest.mark.parametrize(
    ("effect", "code", "register"), [("jmp far", "ff 2e", "ff e8"), ("call far", "ff 1e", "ff d8")]
)
def test_a_pointer_in_memory(effect: str, code: str, register: str) -> None:
    v = world()
    v.regs[ESI] = AT
    v.put(AT, TARGET, CODE0)
    perform(v, effect, code)
    assert (v.eip, v.segments[CS].selector) == (TARGET, CODE0)
    v = world()
    v.regs[ESI] = AT
    v.put(AT, TARGET & 0xFFFF, CODE0, size=2)
    perform(v, effect, "66 " + code)
    assert v.eip == TARGET & 0xFFFF
    assert fault_of(v, effect, register) == (UD, None)


def test_a_pointer_whose_selector_is_on_a_missing_page() -> None:
    v = world()
    v.regs[ESI] = 0x8FFC
    v.mem.absent.add(9)
    assert fault_of(v, "jmp far", "ff 2e") == (PF, 0)


@pytest.mark.parametrize(("effect", "code"), [("jmp far", jump_code), ("call far", call_code)])
def test_targets_that_are_no_code(effect: str, code: type) -> None:
    v = world()
    assert fault_of(v, effect, code(0)) == (GP, 0)
    assert fault_of(v, effect, code(3)) == (GP, 0)
    assert fault_of(v, effect, code(0x4000)) == (GP, 0x4000)
    assert fault_of(v, effect, code(LDT_SELECTOR)) == (GP, LDT_SELECTOR)
    for kind in (0, 6, 7, 8, 0xA, 0xD, 0xE, 0xF):
        v.set_descriptor(FREE, gate(CODE0, TARGET, 0x80 | kind))
        assert fault_of(v, effect, code(FREE)) == (GP, FREE)


@pytest.mark.parametrize(("effect", "code"), [("jmp far", jump_code), ("call far", call_code)])
def test_the_offset_lies_inside_the_segment(effect: str, code: type) -> None:
    v = world()
    v.set_descriptor(FREE, descriptor(0, TARGET - 1, 0x9B, 4))
    assert fault_of(v, effect, code(FREE)) == (GP, 0)


def test_a_call_without_room_or_with_a_missing_stack_page() -> None:
    v = world()
    v.regs[ESP] = 0x9004
    v.mem.absent.add(8)
    assert fault_of(v, "call far", call_code(CODE0)) == (PF, 2)
    v.set_descriptor(FREE, descriptor(0, 0xFF, 0x93, 4))
    v.segments[SS] = hidden(v, FREE)
    assert fault_of(v, "call far", call_code(CODE0)) == (SS_FAULT, 0)


# --- call gates


@pytest.mark.parametrize(("kind", "size"), [(0xC, 4), (4, 2)])
def test_a_gate_to_this_ring(kind: int, size: int) -> None:
    v = world()
    v.set_descriptor(FREE, gate(CODE0, TARGET, 0x80 | kind, count=3))
    perform(v, "jmp far", jump_code(FREE, 0xFFFF_FFFF))
    assert v.eip == (TARGET if size == 4 else TARGET & 0xFFFF)
    v.eip = CODE
    perform(v, "call far", call_code(FREE, 0xFFFF_FFFF))
    assert v.regs[ESP] == STACK0 - 2 * size
    assert v.get(v.regs[ESP], 2, size=size) == [(CODE + 7) & (1 << 8 * size) - 1, CODE0]


@pytest.mark.parametrize(("kind", "size"), [(0xC, 4), (4, 2)])
@pytest.mark.parametrize("count", [0, 1, 31])
@pytest.mark.parametrize(("code", "data", "stack"), [(CODE0, DATA0, STACK0), (CODE1, DATA1, STACK1)])
def test_a_gate_to_an_inner_ring_copies_the_parameters(
    kind: int, size: int, count: int, code: int, data: int, stack: int
) -> None:
    v = world(3)
    v.set_descriptor(FREE, gate(code, TARGET, 0xE0 | kind, count))
    parameters = [0x1111 * (i % 15) + i for i in range(count)]
    v.put(STACK3, *parameters, size=size)
    perform(v, "call far", call_code(FREE | 3))
    ring = code & 3
    assert v.cpl == ring
    assert (v.segments[CS], v.segments[SS]) == (hidden(v, code), hidden(v, data))
    assert v.eip == (TARGET if size == 4 else TARGET & 0xFFFF)
    assert v.regs[ESP] == stack - 0x100 - (4 + count) * size
    frame = [CODE + 7 & (1 << 8 * size) - 1, CODE3, *parameters, STACK3, DATA3]
    assert v.get(v.regs[ESP], 4 + count, size=size) == frame


def test_a_gate_may_lead_into_the_ldt() -> None:
    v = world(3)
    v.segments[LDTR] = hidden(v, LDT_SELECTOR)
    v.put(LDT + 0x10, descriptor(0, 0xF_FFFF, 0x9A), size=8)
    v.set_descriptor(FREE, gate(0x14, TARGET, 0xEC))
    perform(v, "call far", call_code(FREE))
    assert (v.cpl, v.segments[CS].selector) == (0, 0x14)


def test_a_gate_to_conforming_code_keeps_the_ring() -> None:
    v = world(3)
    v.set_descriptor(FREE, gate(CONFORMING0, TARGET, 0xEC))
    perform(v, "call far", call_code(FREE))
    assert (v.cpl, v.segments[CS].selector, v.regs[ESP]) == (3, CONFORMING0 | 3, STACK3 - 8)


def test_a_jump_through_a_gate_never_changes_ring() -> None:
    v = world(3)
    v.set_descriptor(FREE, gate(CODE0, TARGET, 0xEC))
    assert fault_of(v, "jmp far", jump_code(FREE)) == (GP, CODE0)


@pytest.mark.parametrize(("effect", "code"), [("jmp far", jump_code), ("call far", call_code)])
@pytest.mark.parametrize("cpl", [0, 1, 3])
@pytest.mark.parametrize("rpl", [0, 1, 2, 3])
@pytest.mark.parametrize("dpl", [0, 1, 2, 3])
def test_the_gate_must_be_open_to_cpl_and_rpl(effect: str, code: type, cpl: int, rpl: int, dpl: int) -> None:
    v = world(cpl)
    v.set_descriptor(FREE, gate(CONFORMING0, TARGET, 0x8C | dpl << 5))
    if dpl < max(cpl, rpl):
        assert fault_of(v, effect, code(FREE | rpl)) == (GP, FREE)
    else:
        perform(v, effect, code(FREE | rpl))
        assert v.eip == TARGET


@pytest.mark.parametrize(("effect", "code"), [("jmp far", jump_code), ("call far", call_code)])
@pytest.mark.parametrize(
    ("selector", "access", "fault"),
    [(0, 0, (GP, 0)), (4, 0, (GP, 4)), (0x4000, 0, (GP, 0x4000)), (DATA0, 0, (GP, DATA0)),
     (FREE + 8, 0x1B, (NP, FREE + 8)), (FREE + 8, 0xFB, (GP, FREE + 8)),
     (LDT_SELECTOR, 0, (GP, LDT_SELECTOR))],
)  # fmt: skip
def test_a_gate_that_leads_nowhere(
    effect: str, code: type, selector: int, access: int, fault: tuple[int, int]
) -> None:
    v = world()
    if access:
        v.set_descriptor(selector, descriptor(0, 0xF_FFFF, access))
    v.set_descriptor(FREE, gate(selector, TARGET, 0x8C))
    assert fault_of(v, effect, code(FREE)) == fault
    v.set_descriptor(FREE, gate(CODE0, TARGET, 0x0C))
    assert fault_of(v, effect, code(FREE)) == (NP, FREE)


def inward(count: int = 1) -> FakeVcpu:
    v = world(3)
    v.set_descriptor(FREE, gate(CODE0, TARGET, 0xEC, count))
    return v


def test_an_inward_call_with_a_bad_stack() -> None:
    v = inward()
    v.put(TSS + 8, DATA3)
    assert fault_of(v, "call far", call_code(FREE)) == (TS, DATA3 & ~3)
    v.put(TSS + 8, FREE + 8)
    v.set_descriptor(FREE + 8, descriptor(0, 0xFF, 0x93, 4))
    assert fault_of(v, "call far", call_code(FREE)) == (SS_FAULT, FREE + 8)


def test_an_inward_call_whose_parameters_or_frame_fault() -> None:
    v = inward(31)
    v.regs[ESP] = 0x8FF0
    v.mem.absent.add(9)
    assert fault_of(v, "call far", call_code(FREE)) == (PF, 4)
    v = inward()
    v.put(TSS + 4, 0x9008)
    v.mem.absent.add(8)
    assert fault_of(v, "call far", call_code(FREE)) == (PF, 2)
