# SPDX-License-Identifier: GPL-2.0-or-later
"""The hardware task switch by every cause: what is saved and loaded, busy bits, links, NT, every fault."""

import pytest
from fake_vcpu import (
    CODE,
    CODE0,
    CODE3,
    CS,
    DATA0,
    DATA3,
    DS,
    ES,
    ESP,
    FREE,
    FS,
    GS,
    IDT,
    LDT,
    LDT_SELECTOR,
    LDTR,
    SS,
    STACK0,
    TASK,
    TASK2,
    TASK286,
    TR,
    TSS,
    TSS2,
    TSS286,
    FakeVcpu,
    descriptor,
    fault_of,
    gate,
    hidden,
    perform,
    world,
)

from patcher.x86.exceptions import DB, GP, NP, PF, TS, GuestFault
from patcher.x86.exceptions import SS as SS_FAULT
from patcher.x86.flags import IF, NT, RF, TF, VM
from patcher.x86.segment import Segment
from vmm.errors import Unsupported
from vmm.inject import deliver, inject

TARGET, NEW_STACK = 0xD00D, 0x7800
REGS = [0xA0, 0xA1, 0xA2, 0xA3, NEW_STACK, 0xA5, 0xA6, 0xA7]
FAR = (TASK2).to_bytes(2, "little").hex()
JMP, CALL = f"ea 00 00 00 00 {FAR}", f"9a 00 00 00 00 {FAR}"


def two_tasks(cs: int = CODE3, data: int = DATA3, flags: int = IF | 2, ldt: int = LDT_SELECTOR) -> FakeVcpu:
    """A processor in ring 0 of TASK, with TASK2 ready to run."""
    v = world()
    v.put(TSS2 + 0x1C, 0x5000, TARGET, flags, *REGS, data, cs, data, data, 0, data, ldt, 0)
    for i in range(8):
        v.regs[i] = 0xB0 + i
    v.regs[ESP] = STACK0
    v.eflags = 0x8D7 | IF
    return v


@pytest.mark.parametrize(("effect", "code", "length"), [("jmp far", JMP, 7), ("call far", CALL, 7)])
def test_state_out_and_state_in(effect: str, code: str, length: int) -> None:
    v = two_tasks()
    v.segments[GS] = Segment(3, 0, 0, 0)
    v.dr[7] = 0x755
    perform(v, effect, code)
    saved = v.get(TSS + 0x20, 16)
    assert saved[:2] == [CODE + length, 0x8D7 | IF]
    assert saved[2:10] == [0xB0, 0xB1, 0xB2, 0xB3, STACK0, 0xB5, 0xB6, 0xB7]
    assert saved[10:] == [DATA0, CODE0, DATA0, DATA0, DATA0, 3]
    assert list(v.regs) == REGS
    assert (v.eip, v.cpl) == (TARGET, 3)
    assert v.segments[:6] == [hidden(v, s) for s in (DATA3, CODE3, DATA3, DATA3)] + [
        Segment(0, 0, 0, 0),
        hidden(v, DATA3),
    ]
    assert v.segments[LDTR] == Segment(LDT_SELECTOR, LDT, 0x3F, 0x8200)
    assert v.segments[TR] == hidden(v, TASK2)
    assert v.access_byte(TASK2) == 0x8B
    assert v.cr0 == 0x19
    assert v.cr3 == 0
    assert v.dr[7] == 0x600
    nested = effect == "call far"
    assert v.access_byte(TASK) == (0x8B if nested else 0x89)
    assert v.eflags == (IF | NT | 2 if nested else IF | 2)
    assert v.get(TSS2, 1) == [TASK if nested else 0]


def test_paging_loads_cr3() -> None:
    v = two_tasks()
    v.cr0 |= 1 << 31
    perform(v, "jmp far", JMP)
    assert v.cr3 == 0x5000


def test_a_call_and_its_iret() -> None:
    v = two_tasks()
    perform(v, "call far", CALL)
    v.set_cpl(3)
    v.regs[3] = 0xCC
    perform(v, "iret", "cf")
    assert (v.eip, v.cpl, v.regs[3], v.regs[ESP]) == (CODE + 7, 0, 0xB3, STACK0)
    assert v.eflags == 0x8D7 | IF
    assert (v.access_byte(TASK), v.access_byte(TASK2)) == (0x8B, 0x89)
    assert v.segments[TR] == hidden(v, TASK)
    eip, flags = v.get(TSS2 + 0x20, 2)
    assert (eip, flags) == (TARGET + 1, IF | 2)
    assert v.get(TSS2 + 0x34, 1) == [0xCC]


@pytest.mark.parametrize("error_code", [None, 0x18])
def test_an_exception_through_a_task_gate(error_code: int | None) -> None:
    v = two_tasks(CODE0, DATA0)
    v.put(IDT + 8 * GP, gate(TASK2, 0, 0x85), size=8)
    deliver(v, GP, error_code)
    assert v.get(TSS + 0x20, 2) == [CODE, 0x8D7 | IF | RF]
    assert v.eflags == IF | NT | 2
    assert v.get(TSS2, 1) == [TASK]
    assert v.regs[ESP] == NEW_STACK - (4 if error_code is not None else 0)
    if error_code is not None:
        assert v.get(NEW_STACK - 4, 1) == [error_code]


@pytest.mark.parametrize(("effect", "code"), [("jmp far", "ea"), ("call far", "9a")])
@pytest.mark.parametrize(("gate_dpl", "cpl", "fault"), [(3, 3, None), (0, 3, (GP, FREE)), (0, 0, None)])
def test_a_task_gate_guards_in_place_of_the_descriptor(
    effect: str, code: str, gate_dpl: int, cpl: int, fault: tuple[int, int] | None
) -> None:
    v = two_tasks()
    v.set_cpl(cpl)
    v.set_descriptor(FREE, gate(TASK2, 0, 0x85 | gate_dpl << 5))
    code += " 00 00 00 00 60 00"
    if fault:
        assert fault_of(v, effect, code) == fault
    else:
        perform(v, effect, code)
        assert v.eip == TARGET
        v.set_descriptor(FREE, gate(TASK2, 0, 0x05 | gate_dpl << 5))
        v.set_cpl(0)
        assert fault_of(v, effect, code) == (NP, FREE)


def test_a_16_bit_task_and_back() -> None:
    v = world()
    v.put(TSS286 + 0xE, TARGET, IF | 2, 1, 2, 3, 4, NEW_STACK, 6, 7, 8, DATA0, CODE0, DATA0, DATA0, 0, size=2)
    v.regs[ESP] = STACK0
    perform(v, "call far", f"9a 00 00 00 00 {TASK286:02x} 00")
    assert (v.eip, v.eflags) == (TARGET, IF | NT | 2)
    assert list(v.regs) == [0xFFFF_0000 | low for low in (1, 2, 3, 4, NEW_STACK, 6, 7, 8)]
    assert v.segments[FS] == v.segments[GS] == Segment(0, 0, 0, 0)
    assert v.get(TSS286, 1, size=2) == [TASK]
    v.put(TSS286 + 0x2C, 0x5555, size=2)
    perform(v, "iret", "cf")
    assert (v.eip, v.regs[ESP]) == (CODE + 7, STACK0)
    assert v.get(TSS286 + 0xE, 2, size=2) == [TARGET + 1, IF | 2]
    assert v.get(TSS286 + 0x2C, 1, size=2) == [0x5555]


# --- faults in the old task: nothing has changed


@pytest.mark.parametrize(
    ("selector", "access", "fault"),
    [(TASK, None, (GP, TASK)), (FREE, 0x09, (NP, FREE)), (FREE, 0x89, (TS, FREE))],
)
def test_the_new_task_is_available_present_and_whole(
    selector: int, access: int | None, fault: tuple[int, int]
) -> None:
    v = two_tasks()
    if access is not None:
        v.set_descriptor(FREE, descriptor(TSS2, 0x66, access, 0))
    assert fault_of(v, "jmp far", f"ea 00 00 00 00 {selector:02x} 00") == fault


def test_privilege_is_asked_of_the_tss_descriptor() -> None:
    v = two_tasks()
    v.set_cpl(3)
    assert fault_of(v, "jmp far", JMP) == (GP, TASK2)
    v.set_cpl(0)
    assert fault_of(v, "jmp far", f"ea 00 00 00 00 {TASK2 | 3:02x} 00") == (GP, TASK2)


@pytest.mark.parametrize("selector", [0, TASK2 | 4, 0xF00, DATA0, TASK])
def test_a_task_gate_to_nothing_of_the_kind(selector: int) -> None:
    v = two_tasks()
    v.set_descriptor(FREE, gate(selector, 0, 0x85))
    assert fault_of(v, "jmp far", "ea 00 00 00 00 60 00") == (GP, selector & 0xFFFC)
    v.put(IDT + 8 * 5, gate(selector, 0, 0x85), size=8)
    with pytest.raises(GuestFault) as caught:
        deliver(v, 5)
    assert (caught.value.vector, caught.value.error_code) == (GP, selector & 0xFFFC | 1)


@pytest.mark.parametrize("link", [0, TASK2 | 4, 0xF00, TASK2, DATA0])
def test_a_return_to_a_task_that_is_not_busy(link: int) -> None:
    v = two_tasks()
    v.eflags |= NT
    v.put(TSS, link, size=2)
    assert fault_of(v, "iret", "cf") == (TS, link & 0xFFFC)


def test_no_current_task() -> None:
    v = two_tasks()
    v.segments[TR] = Segment(0, 0, 0, 0)
    assert fault_of(v, "jmp far", JMP) == (TS, 0)
    v.segments[TR] = Segment(TASK, TSS, 0x66, 0x8B00)
    assert fault_of(v, "jmp far", JMP) == (TS, TASK)


@pytest.mark.parametrize(("where", "error"), [("old", 3), ("new", 0), ("gdt", 3)])
def test_pages_are_checked_before_anything_is_written(where: str, error: int) -> None:
    v = two_tasks()
    if where == "old":
        v.segments[TR] = Segment(TASK, 0x8FD0, 0x67, 0x8B00)
        v.mem.read_only.add(9)
        before = bytes(v.mem.ram)
    elif where == "new":
        v.set_descriptor(TASK2, descriptor(0x8FD0, 0x67, 0x89, 0))
        v.mem.absent.add(9)
        before = bytes(v.mem.ram)
    else:
        v.mem.read_only.add(1)
        before = bytes(v.mem.ram)
    assert fault_of(v, "jmp far", JMP) == (PF, error)
    assert bytes(v.mem.ram) == before


def test_a_task_in_virtual_8086_mode_is_a_verdict() -> None:
    v = two_tasks(flags=VM | 2)
    with pytest.raises(Unsupported, match="a task in virtual-8086 mode at guest address 0x00010000"):
        perform(v, "jmp far", JMP)


# --- faults in the new task


@pytest.mark.parametrize(
    ("what", "selector", "access", "fault"),
    [
        ("ldt", LDT_SELECTOR | 4, None, (TS, LDT_SELECTOR | 4)),
        ("ldt", DATA0, None, (TS, DATA0)),
        ("ldt", 0xF00, None, (TS, 0xF00)),
        ("ldt", FREE, 0x02, (TS, FREE)),
        (CS, 0, None, (TS, 0)),
        (CS, DATA3, None, (TS, DATA3 & ~3)),
        (CS, CODE0 | 3, None, (TS, CODE0)),
        (CS, FREE | 3, 0x7B, (NP, FREE)),
        (SS, 0, None, (TS, 0)),
        (SS, DATA0, None, (TS, DATA0)),
        (SS, 0xF03, None, (TS, 0xF00)),
        (SS, FREE | 3, 0x73, (SS_FAULT, FREE)),
        (DS, DATA0, None, (TS, DATA0)),
        (ES, 0xF03, None, (TS, 0xF00)),
        (FS, LDT_SELECTOR, None, (TS, LDT_SELECTOR)),
        (GS, FREE | 3, 0x73, (NP, FREE)),
    ],
)
@pytest.mark.parametrize("event", [False, True])
def test_a_bad_segment_faults_in_the_new_task(
    what: int | str, selector: int, access: int | None, fault: tuple[int, int], event: bool
) -> None:
    v = two_tasks()
    if access is not None:
        v.set_descriptor(FREE, descriptor(LDT, 0xFF, access, 0))
    v.put(TSS2 + (0x60 if what == "ldt" else 0x48 + 4 * int(what)), selector)
    with pytest.raises(GuestFault) as caught:
        enter_second(v, event)
    assert (caught.value.vector, caught.value.error_code) == (fault[0], fault[1] | event)
    assert v.eip == TARGET
    assert v.segments[TR].selector == TASK2
    assert v.get(TSS + 0x20, 1) == [CODE if event else CODE + 7]


def enter_second(v: FakeVcpu, event: bool) -> None:
    """Switch to TASK2, by #GP(7) through a task gate or by a jump."""
    if event:
        v.put(IDT + 8 * GP, gate(TASK2, 0, 0x85), size=8)
        deliver(v, GP, 7)
    else:
        perform(v, "jmp far", JMP)


def test_eip_past_the_limit_faults_in_the_new_task() -> None:
    v = two_tasks(FREE)
    v.set_descriptor(FREE, descriptor(0, TARGET - 1, 0x9B, 4))
    for place in (0x48, 0x50, 0x54, 0x5C):
        v.put(TSS2 + place, DATA0)
    with pytest.raises(GuestFault) as caught:
        perform(v, "jmp far", JMP)
    assert (caught.value.vector, caught.value.error_code, v.eip) == (GP, 0, TARGET)


def test_a_fault_in_the_new_task_is_taken_there() -> None:
    v = two_tasks(CODE0, DATA0)
    v.put(TSS2 + 0x54, 0xF00)
    v.put(IDT + 8 * 5, gate(TASK2, 0, 0x85), size=8)
    inject(v, 5)
    assert v.eip == 0xC000 + 16 * TS
    assert v.get(v.regs[ESP], 3) == [0xF01, TARGET, CODE0]
    assert v.regs[ESP] == NEW_STACK - 16


@pytest.mark.parametrize("event", [False, True])
def test_the_t_bit_traps_after_the_first_half_of_everything(event: bool) -> None:
    v = two_tasks(CODE0, DATA0, flags=TF | 2)
    v.put(TSS2 + 0x64, 1)
    with pytest.raises(GuestFault) as caught:
        enter_second(v, event)
    assert (caught.value.vector, v.dr[6]) == (DB, 0xFFFF_8FF0)
    assert v.regs[ESP] == NEW_STACK - 4 * event
