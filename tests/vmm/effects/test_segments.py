# SPDX-License-Identifier: GPL-2.0-or-later
"""Segment loads: the whole table of checks against the manual's rules written another way."""

import pytest
from fake_vcpu import (
    CS,
    DATA0,
    DATA3,
    DS,
    EAX,
    EBX,
    ES,
    ESI,
    ESP,
    FREE,
    FS,
    GDT,
    GS,
    LDT,
    LDTR,
    SS,
    STACK0,
    descriptor,
    fault_of,
    hidden,
    perform,
    world,
)
from hypothesis import given
from hypothesis import strategies as st

from patcher.x86.exceptions import GP, NP, PF, UD, GuestFault
from patcher.x86.exceptions import SS as SS_FAULT
from patcher.x86.segment import Segment

AT = 0x8000
MOV = {ES: "8e c3", SS: "8e d3", DS: "8e db", FS: "8e e3", GS: "8e eb"}


def expected_fault(register: int, selector: int, access: int, cpl: int) -> tuple[int, int] | None:
    """SDM vol. 2B, MOV, "Protected Mode Exceptions", read from the access byte."""
    name, rpl, dpl = selector & 0xFFFC, selector & 3, access >> 5 & 3
    present, is_segment, code = access & 0x80, access & 0x10, access & 0x08
    conforming, readable, writable = access & 4, access & 2, access & 2
    if register == SS:
        if not is_segment or code or not writable or rpl != cpl or dpl != cpl:
            return GP, name
        return None if present else (SS_FAULT, name)
    if not is_segment or (code and not readable):
        return GP, name
    if not (code and conforming) and (rpl > dpl or cpl > dpl):
        return GP, name
    return None if present else (NP, name)


@given(
    register=st.sampled_from(sorted(MOV)),
    access=st.integers(0, 255),
    rpl=st.integers(0, 3),
    cpl=st.sampled_from([0, 1, 3]),
    local=st.booleans(),
)
def test_every_access_byte_loads_or_faults_as_the_manual_says(
    register: int, access: int, rpl: int, cpl: int, local: bool
) -> None:
    v = world(cpl)
    v.segments[LDTR] = Segment(0x50, LDT, 0x3F, 0x8200)
    selector = (0x10 | 4 if local else FREE) | rpl
    table = LDT if local else GDT
    raw = descriptor(0x1_2345, 0x0_1234, access, 0x4)
    v.put(table + (selector & 0xFFF8), raw, size=8)
    v.regs[EBX] = 0xDEAD_0000 | selector
    expected = expected_fault(register, selector, access, cpl)
    if expected is not None:
        assert fault_of(v, "mov sreg,r/m", MOV[register]) == expected
        assert v.get(table + (selector & 0xFFF8), 1, size=8) == [raw]
        return
    perform(v, "mov sreg,r/m", MOV[register])
    loaded = v.segments[register]
    assert loaded == (selector, 0x1_2345, 0x1234, 0x40_0000 | (access | 1) << 8)
    assert v.mem.ram[table + (selector & 0xFFF8) + 5] == access | 1
    assert v.shadow is (register == SS)


@pytest.mark.parametrize("register", [ES, DS, FS, GS])
@pytest.mark.parametrize("rpl", [0, 3])
def test_a_null_selector_loads_and_leaves_nothing_usable(register: int, rpl: int) -> None:
    v = world()
    v.regs[EBX] = rpl
    perform(v, "mov sreg,r/m", MOV[register])
    assert v.segments[register] == (rpl, 0, 0, 0)


def test_ss_takes_no_null_selector() -> None:
    assert fault_of(world(), "mov sreg,r/m", MOV[SS]) == (GP, 0)


@pytest.mark.parametrize("selector", [0x1000, 0xC4, 0x44])
def test_past_the_table_or_without_an_ldt_is_gp(selector: int) -> None:
    v = world()
    v.regs[EBX] = selector
    assert fault_of(v, "mov sreg,r/m", MOV[DS]) == (GP, selector & 0xFFFC)


@pytest.mark.parametrize("modrm", [0xCB, 0xF3, 0xFB])
def test_there_is_no_load_of_cs_nor_of_registers_6_and_7(modrm: int) -> None:
    assert fault_of(world(), "mov sreg,r/m", f"8e {modrm:02x}") == (UD, None)


@pytest.mark.parametrize("modrm", [0xF3, 0xFB])
def test_registers_6_and_7_cannot_be_stored(modrm: int) -> None:
    assert fault_of(world(), "mov r/m,sreg", f"8c {modrm:02x}") == (UD, None)


def test_a_read_only_descriptor_table_faults_on_the_accessed_bit() -> None:
    v = world()
    v.set_descriptor(FREE, descriptor(0, 0xF_FFFF, 0x92))
    v.regs[EBX] = FREE
    v.mem.read_only.add(GDT >> 12)
    assert fault_of(v, "mov sreg,r/m", MOV[ES]) == (PF, 3)
    v.regs[EBX] = DATA0
    perform(v, "mov sreg,r/m", MOV[ES])


@pytest.mark.parametrize("register", [ES, CS, SS, DS, FS, GS])
def test_a_selector_is_stored_zero_extended(register: int) -> None:
    v = world(3)
    v.segments[register] = Segment(0xABCF, 0, 0, 0)
    modrm = 0xC3 | register << 3
    v.regs[EBX] = 0xFFFF_FFFF
    perform(v, "mov r/m,sreg", f"8c {modrm:02x}")
    assert v.regs[EBX] == 0xABCF
    v.regs[EBX] = 0xFFFF_FFFF
    perform(v, "mov r/m,sreg", f"66 8c {modrm:02x}")
    assert v.regs[EBX] == 0xFFFF_ABCF


def test_a_store_to_memory_is_a_word_through_its_segment() -> None:
    v = world(3)
    v.segments[GS] = Segment(DATA3, AT, 0xFFFF_FFFF, 0xC0_F300)
    v.put(AT + 4, 0xFFFF_FFFF)
    perform(v, "mov r/m,sreg", "65 8c 1d 04 00 00 00")
    assert v.get(AT + 4, 1) == [0xFFFF_0000 | DATA3]


PUSHES = {ES: "06", CS: "0e", SS: "16", DS: "1e", FS: "0f a0", GS: "0f a8"}
POPS = {ES: "07", SS: "17", DS: "1f", FS: "0f a1", GS: "0f a9"}


@pytest.mark.parametrize("register", sorted(PUSHES))
def test_push_stores_a_zero_extended_selector(register: int) -> None:
    v = world(3)
    esp = v.regs[ESP]
    v.put(esp - 8, 0xFFFF_FFFF, 0xFFFF_FFFF)
    selector = v.segments[register].selector
    perform(v, "push sreg", PUSHES[register])
    assert v.regs[ESP] == esp - 4
    perform(v, "push sreg", "66 " + PUSHES[register])
    assert v.regs[ESP] == esp - 6
    assert v.get(esp - 8, 2) == [selector << 16 | 0xFFFF, selector]


@pytest.mark.parametrize("register", sorted(POPS))
def test_pop_loads_the_low_word_and_moves_esp_by_the_operand_size(register: int) -> None:
    for prefix, size in (("", 4), ("66 ", 2)):
        v = world(3)
        esp = v.regs[ESP]
        v.put(esp, 0x7777_0000 | DATA3)
        perform(v, "pop sreg", prefix + POPS[register])
        assert v.segments[register] == hidden(v, DATA3)
        assert v.regs[ESP] == esp + size
        assert v.shadow is (register == SS)


def test_a_failed_pop_leaves_esp() -> None:
    v = world(3)
    v.put(v.regs[ESP], DATA0)
    assert fault_of(v, "pop sreg", "1f") == (GP, DATA0)
    v.regs[ESP] = 0x9000
    v.mem.absent.add(9)
    assert fault_of(v, "pop sreg", "17") == (PF, 4)


def test_pop_ss_counts_on_the_old_stack_segment() -> None:
    v = world()
    v.set_descriptor(FREE, descriptor(0, 0xFFFF, 0x93, 0))
    v.regs[ESP] = 0x1_0000 - 4
    v.put(0x1_0000 - 4, FREE)
    perform(v, "pop sreg", "17")
    assert v.regs[ESP] == 0x1_0000
    assert v.segments[SS] == hidden(v, FREE)


FAR_LOADS = {"les": ("c4 06", ES), "lds": ("c5 06", DS), "lss": ("0f b2 06", SS), "lfs": ("0f b4 06", FS),
             "lgs": ("0f b5 06", GS)}  # fmt: skip


@pytest.mark.parametrize("effect", FAR_LOADS)
def test_a_far_pointer_loads_offset_and_selector(effect: str) -> None:
    code, register = FAR_LOADS[effect]
    v = world(3)
    v.regs[ESI] = AT
    v.put(AT, 0x1234_5678, DATA3)
    perform(v, effect, code)
    assert v.regs[EAX] == 0x1234_5678
    assert v.segments[register] == hidden(v, DATA3)
    assert not v.shadow
    v = world(3)
    v.regs[ESI], v.regs[EAX] = AT, 0xFFFF_FFFF
    v.put(AT, 0x5678, DATA3, size=2)
    perform(v, effect, "66 " + code)
    assert v.regs[EAX] == 0xFFFF_5678


@pytest.mark.parametrize("effect", FAR_LOADS)
def test_a_far_pointer_that_faults_loads_neither(effect: str) -> None:
    v = world(3)
    v.regs[ESI] = AT
    v.put(AT, 0x1234_5678, DATA0)
    assert fault_of(v, effect, FAR_LOADS[effect][0]) == (GP, DATA0)
    v.regs[ESI] = 0x8FFC
    v.mem.absent.add(9)
    with pytest.raises(GuestFault) as caught:
        perform(v, effect, FAR_LOADS[effect][0])
    assert caught.value.address == 0x9000


@pytest.mark.parametrize("code", ["0f b2 c0", "0f b4 c0", "0f b5 c0"])
def test_a_far_pointer_is_in_memory(code: str) -> None:
    assert fault_of(world(), "lss", code) == (UD, None)


def test_a_null_or_short_or_read_only_segment_is_checked_on_the_way_to_the_operand() -> None:
    v = world(3)
    v.segments[DS] = Segment(0, 0, 0, 0)
    assert fault_of(v, "mov r/m,sreg", "8c 1d 00 80 00 00") == (GP, 0)
    v.segments[DS] = Segment(DATA3, 0, 0x8000, 0x40_F300)
    assert fault_of(v, "mov r/m,sreg", "8c 1d 00 80 00 00") == (GP, 0)
    perform(v, "mov r/m,sreg", "8c 1d ff 7f 00 00")
    assert fault_of(v, "mov r/m,sreg", "2e 8c 1d 00 80 00 00") == (GP, 0)
    v.segments[SS] = Segment(DATA3, 0, 0x7FFF, 0x40_F700)  # expand-down: offsets above the limit only
    perform(v, "mov r/m,sreg", "36 8c 1d 00 80 00 00")
    assert fault_of(v, "mov r/m,sreg", "36 8c 1d ff 7f 00 00") == (SS_FAULT, 0)
    assert v.regs[ESP] != STACK0
