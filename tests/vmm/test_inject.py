# SPDX-License-Identifier: GPL-2.0-or-later
"""Event delivery: the frame of every gate, every refusal with its error code, and faults in delivery."""

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
    ESP,
    FREE,
    IDT,
    LDT_SELECTOR,
    SS,
    STACK0,
    STACK1,
    STACK3,
    TASK,
    TASK286,
    TR,
    TSS,
    FakeVcpu,
    descriptor,
    gate,
    hidden,
    world,
)
from hypothesis import given
from hypothesis import strategies as st

from patcher.x86.exceptions import BP, DB, DE, DF, GP, NP, PF, TS, UD, GuestFault
from patcher.x86.exceptions import SS as SS_FAULT
from patcher.x86.flags import IF, NT, RF, TF
from patcher.x86.segment import Segment
from vmm.inject import FAULTS, TripleFault, deliver, inject, inject_fault

HANDLER = 0xC000
BUSY_FLAGS = IF | TF | NT | 0x8D7 | 2


def set_gate(v: FakeVcpu, vector: int, value: int) -> None:
    v.put(IDT + 8 * vector, value, size=8)


def refusal(v: FakeVcpu, vector: int, error_code: int | None = None, **how: bool) -> tuple[int, int | None]:
    """The fault that stops the delivery, which must change nothing."""
    before = v.state()
    with pytest.raises(GuestFault) as caught:
        deliver(v, vector, error_code, **how)  # type: ignore[arg-type]
    assert v.state() == before
    return caught.value.vector, caught.value.error_code


@pytest.mark.parametrize("cpl", [0, 3])
@pytest.mark.parametrize("error_code", [None, 0, 0x1234])
@pytest.mark.parametrize(
    ("access", "size", "keeps_if"), [(0x8E, 4, 0), (0x8F, 4, 1), (0x86, 2, 0), (0x87, 2, 1)]
)
def test_the_frame_of_each_gate_from_each_ring(
    cpl: int, error_code: int | None, access: int, size: int, keeps_if: int
) -> None:
    v = world(cpl)
    set_gate(v, 13, gate(CODE0, 0x1_C0DE, access))
    v.eflags, v.eip = BUSY_FLAGS, CODE + 0x21
    old_cs, old_ss = v.segments[CS].selector, v.segments[SS].selector
    old_esp = v.regs[ESP]
    deliver(v, 13, error_code)
    frame = [old_esp, old_ss] if cpl else []
    frame = [CODE + 0x21, old_cs, BUSY_FLAGS | RF, *frame]
    if error_code is not None:
        frame.insert(0, error_code)
    top = (STACK0 - 0x100 if cpl else STACK0) - size * len(frame)
    assert v.regs[ESP] == top
    assert v.get(top, len(frame), size=size) == [value & (1 << 8 * size) - 1 for value in frame]
    assert v.eip == (0x1_C0DE if size == 4 else 0xC0DE)
    assert v.cpl == 0
    assert (v.segments[CS], v.segments[SS]) == (hidden(v, CODE0), hidden(v, DATA0))
    assert v.segments[DS].selector == (DATA3 if cpl else DATA0)
    assert v.eflags == BUSY_FLAGS & ~(TF | NT | (0 if keeps_if else IF))


@given(st.integers(0, 31), st.booleans(), st.booleans())
def test_rf_is_pushed_set_for_faults_only(vector: int, soft: bool, external: bool) -> None:
    v = world()
    set_gate(v, vector, gate(CODE0, HANDLER, 0x8E))
    deliver(v, vector, soft=soft, external=external)
    pushed = v.get(STACK0 - 4, 1)[0]
    assert bool(pushed & RF) is (vector in FAULTS and not soft and not external)
    assert not v.eflags & RF


def test_a_software_interrupt_returns_after_itself_and_a_fault_to_itself() -> None:
    v = world(3)
    set_gate(v, 0x20, gate(CODE0, HANDLER, 0xEE))
    inject(v, 0x20, soft=True, insn_length=2)
    assert v.get(v.regs[ESP], 1) == [CODE + 2]
    v = world(3)
    inject(v, 0x20, soft=True, insn_length=2)  # its gate is for ring 0
    assert v.get(v.regs[ESP], 2) == [0x20 * 8 + 2, CODE]
    assert v.eip == HANDLER + 16 * GP


def test_an_event_ends_hlt_and_the_shadow() -> None:
    v = world()
    v.halted = v.shadow = True
    inject(v, 0x20, external=True)
    assert (v.halted, v.shadow) == (False, False)


def test_db_clears_general_detect() -> None:
    v = world()
    v.dr[7] = 0x2400
    inject(v, DB)
    assert v.dr[7] == 0x400


def test_a_page_fault_sets_cr2() -> None:
    v = world()
    inject_fault(v, GuestFault(PF, 6, 0xDEAD_B000))
    assert v.cr2 == 0xDEAD_B000
    assert v.get(v.regs[ESP], 2) == [6, CODE]


# --- refusals by the gate; `ext` is 1 unless the event is a software interrupt


@pytest.mark.parametrize(("soft", "ext"), [(False, 1), (True, 0)])
def test_a_gate_is_there_of_the_right_type_and_present(soft: bool, ext: int) -> None:
    v = world()
    assert refusal(v, 48, soft=soft) == (GP, 48 * 8 + 2 + ext)
    for access in (0x80, 0x84, 0x8C, 0x89, 0x9E, 0x8D):
        set_gate(v, 5, gate(CODE0, HANDLER, access))
        assert refusal(v, 5, soft=soft) == (GP, 5 * 8 + 2 + ext)
    set_gate(v, 5, gate(CODE0, HANDLER, 0x0E))
    assert refusal(v, 5, soft=soft) == (NP, 5 * 8 + 2 + ext)


@pytest.mark.parametrize("cpl", [0, 1, 3])
@pytest.mark.parametrize("dpl", [0, 1, 2, 3])
def test_only_software_interrupts_are_held_to_the_dpl_of_the_gate(cpl: int, dpl: int) -> None:
    v = world(cpl)
    set_gate(v, 5, gate(CODE0, HANDLER, 0x8E | dpl << 5))
    if cpl > dpl:
        assert refusal(v, 5, soft=True) == (GP, 5 * 8 + 2)
    else:
        deliver(v, 5, soft=True)
    v = world(cpl)
    set_gate(v, 5, gate(CODE0, HANDLER, 0x8E | dpl << 5))
    deliver(v, 5, external=True)
    assert v.eip == HANDLER


@pytest.mark.parametrize(("soft", "ext"), [(False, 1), (True, 0)])
@pytest.mark.parametrize(
    ("selector", "access", "fault"),
    [
        (0, 0, (GP, 0)),
        (3, 0, (GP, 0)),
        (0x4000, 0, (GP, 0x4000)),
        (FREE, 0x93, (GP, FREE)),
        (FREE, 0x82, (GP, FREE)),
        (FREE | 3, 0xBB, (GP, FREE)),
        (FREE, 0x1B, (NP, FREE)),
    ],
)
def test_the_gate_names_code_of_this_ring_or_an_inner_one(
    soft: bool, ext: int, selector: int, access: int, fault: tuple[int, int]
) -> None:
    v = world()
    v.set_descriptor(FREE, descriptor(0, 0xF_FFFF, access))
    set_gate(v, 5, gate(selector, HANDLER, 0x8E))
    assert refusal(v, 5, soft=soft) == (fault[0], fault[1] | ext)


def test_the_handler_lies_inside_its_segment() -> None:
    v = world()
    v.set_descriptor(FREE, descriptor(0, HANDLER - 1, 0x9B, 4))
    set_gate(v, 5, gate(FREE, HANDLER, 0x8E))
    assert refusal(v, 5) == (GP, 1)


def test_conforming_code_runs_in_the_ring_that_was_interrupted() -> None:
    v = world(3)
    set_gate(v, 5, gate(CONFORMING0, HANDLER, 0x8E))
    deliver(v, 5)
    assert v.cpl == 3
    assert v.segments[CS].selector == CONFORMING0 | 3
    assert v.regs[ESP] == STACK3 - 12


# --- the stack of the inner ring


@pytest.mark.parametrize(
    ("selector", "access", "fault"),
    [
        (0, 0, (TS, 0)),
        (0x4000, 0, (TS, 0x4000)),
        (FREE | 3, 0x93, (TS, FREE)),
        (FREE, 0xF3, (TS, FREE)),
        (FREE, 0x91, (TS, FREE)),
        (FREE, 0x9B, (TS, FREE)),
        (FREE, 0x13, (SS_FAULT, FREE)),
    ],
)
def test_a_bad_inner_stack_is_an_invalid_tss(selector: int, access: int, fault: tuple[int, int]) -> None:
    v = world(3)
    v.set_descriptor(FREE, descriptor(0, 0xF_FFFF, access))
    v.put(TSS + 8, selector)
    assert refusal(v, 13, 0) == (fault[0], fault[1] | 1)


def test_a_tss_too_short_for_the_ring_or_none_at_all() -> None:
    v = world(3)
    v.segments[TR] = Segment(TASK, TSS, 8, 0x8B00)
    assert refusal(v, 13, 0) == (TS, TASK | 1)
    v.segments[TR] = Segment(0, 0, 0xFFFF, 0)
    assert refusal(v, 13, 0) == (TS, 1)
    v.segments[TR] = Segment(TASK, TSS, 9, 0x8B00)
    deliver(v, 13, 0)


def test_a_16_bit_tss_gives_words() -> None:
    v = world(3)
    v.put(0x3800 + 2, 0x4000, DATA0, size=2)
    v.segments[TR] = hidden(v, TASK286)
    deliver(v, 13, 0)
    assert v.regs[ESP] == 0x4000 - 24


@pytest.mark.parametrize("cpl", [0, 3])
def test_no_room_on_the_stack(cpl: int) -> None:
    v = world(cpl)
    v.set_descriptor(FREE, descriptor(0, 0xFF, 0x93, 4))
    if cpl:
        v.put(TSS + 8, FREE)
        assert refusal(v, 13, 0) == (SS_FAULT, FREE | 1)
    else:
        v.segments[SS] = hidden(v, FREE)
        assert refusal(v, 13, 0) == (SS_FAULT, 1)


def test_a_handler_in_ring_1() -> None:
    v = world(3)
    set_gate(v, 13, gate(CODE1, HANDLER, 0x8E))
    deliver(v, 13, 0)
    assert (v.cpl, v.segments[CS], v.segments[SS]) == (1, hidden(v, CODE1), hidden(v, DATA1))
    assert v.regs[ESP] == STACK1 - 0x100 - 24


def test_no_room_on_the_stack_of_ring_1() -> None:
    v = world(3)
    set_gate(v, 13, gate(CODE1, HANDLER, 0xEE))
    v.set_descriptor(FREE, descriptor(0, 0xFF, 0xB3, 4))
    v.put(TSS + 16, FREE | 1)
    assert refusal(v, 13, 0, soft=True) == (SS_FAULT, FREE)


def test_the_frame_is_written_with_the_rights_of_the_new_ring() -> None:
    v = world(3)
    v.mem.supervisor |= {0x4, 0x1, 0x2, 0x3}
    deliver(v, 13, 0)
    assert v.cpl == 0


# --- one fault after another (SDM vol. 3A, table 6-5)


def break_gate(v: FakeVcpu, vector: int) -> None:
    set_gate(v, vector, 0)


@pytest.mark.parametrize("first", [DE, TS, NP, SS_FAULT, GP])
def test_two_contributory_faults_are_a_double_fault(first: int) -> None:
    v = world()
    break_gate(v, first)
    inject(v, first, None if first == DE else 0)
    assert v.eip == HANDLER + 16 * DF
    assert v.get(v.regs[ESP], 2) == [0, CODE]


def test_a_fault_while_a_page_fault_is_delivered_is_a_double_fault() -> None:
    v = world()
    break_gate(v, PF)
    inject(v, PF, 2, address=0x1234)
    assert v.eip == HANDLER + 16 * DF
    assert v.cr2 == 0x1234


def test_a_page_fault_while_a_page_fault_is_delivered_is_a_double_fault_and_cr2_is_the_second() -> None:
    v = world(3)
    v.put(TSS + 4, 0x9000)
    v.mem.absent.add(8)
    v.set_descriptor(FREE, descriptor(0, 0xF_FFFF, 0x9B))
    set_gate(v, DF, gate(CONFORMING0, HANDLER, 0x8E))
    inject(v, PF, 2, address=0x1234)
    assert v.eip == HANDLER
    assert v.cr2 == 0x8FFC


def test_a_page_fault_while_a_contributory_fault_is_delivered_comes_first() -> None:
    v = world(3)
    v.put(TSS + 4, 0x9000)
    v.mem.absent.add(8)
    set_gate(v, PF, gate(CONFORMING0, HANDLER, 0x8E))
    inject(v, GP, 0)
    assert v.eip == HANDLER
    assert v.cr2 == 0x8FFC
    assert v.get(v.regs[ESP], 1) == [2]


@pytest.mark.parametrize("vector", [DB, BP, UD, 16, 17, 19])
def test_a_fault_while_a_benign_exception_is_delivered_is_just_that_fault(vector: int) -> None:
    v = world()
    break_gate(v, vector)
    inject(v, vector)
    assert v.eip == HANDLER + 16 * GP
    assert v.get(v.regs[ESP], 2) == [vector * 8 + 3, CODE]


@pytest.mark.parametrize(("how", "ext"), [("soft", 0), ("external", 1)])
def test_an_interrupt_with_the_number_of_a_fault_is_benign(how: str, ext: int) -> None:
    v = world()
    break_gate(v, DE)
    inject(v, DE, **{how: True})  # type: ignore[arg-type]
    assert v.eip == HANDLER + 16 * GP
    assert v.get(v.regs[ESP], 1) == [2 + ext]


def test_a_fault_in_a_double_fault_shuts_the_processor_down() -> None:
    v = world()
    v.idtr.limit = 0
    with pytest.raises(TripleFault) as caught:
        inject(v, UD)
    assert str(caught.value) == (
        "The guest's processor shut down at guest address 0x00010000: "
        "#UD, then #GP(0x33), then #GP(0x6b), then #DF(0x0), then #GP(0x43)."
    )
    assert v.eip == CODE


def test_an_ldt_may_hold_the_handler() -> None:
    v = world()
    v.put(0x1800 + 0x10, descriptor(0, 0xF_FFFF, 0x9A), size=8)
    set_gate(v, 5, gate(0x14, HANDLER, 0x8E))
    assert refusal(v, 5) == (GP, 0x15)
    v.segments[6] = hidden(v, LDT_SELECTOR)
    deliver(v, 5)
    assert v.segments[CS].selector == 0x14
    assert v.mem.ram[0x1815] == 0x9B


def test_ring_3_data_segments_stay_as_they_are_on_the_way_in() -> None:
    v = world(3)
    deliver(v, 13, 0)
    assert v.selectors()[:6] == [DATA3, CODE0, DATA0, DATA3, DATA3, DATA3]
    assert v.get(v.regs[ESP] + 8, 1) == [CODE3]
