# SPDX-License-Identifier: GPL-2.0-or-later
"""System-table registers: what is stored, what is loaded, and every check of lldt and ltr."""

import pytest
from fake_vcpu import (
    CODE0,
    DATA0,
    EBX,
    ESI,
    FREE,
    LDT,
    LDT_SELECTOR,
    LDTR,
    TASK,
    TASK2,
    TASK286,
    TR,
    TSS2,
    descriptor,
    fault_of,
    hidden,
    perform,
    world,
)
from hypothesis import given
from hypothesis import strategies as st

from patcher.x86.exceptions import GP, NP, PF, UD
from patcher.x86.segment import TableRegister

AT = 0x8000


@pytest.mark.parametrize(("effect", "reg"), [("sgdt", 0), ("sidt", 1)])
@pytest.mark.parametrize("prefix", ["", "66"])
@given(base=st.integers(0, 0xFFFF_FFFF), limit=st.integers(0, 0xFFFF), cpl=st.sampled_from([0, 3]))
def test_sgdt_and_sidt_store_all_of_the_base(
    effect: str, reg: int, prefix: str, base: int, limit: int, cpl: int
) -> None:
    v = world(cpl)
    table = v.gdtr if effect == "sgdt" else v.idtr
    table.base, table.limit = base, limit
    v.regs[ESI] = AT
    perform(v, effect, f"{prefix} 0f 01 {6 | reg << 3:02x}")
    assert v.get(AT, 3, size=2) == [limit, base & 0xFFFF, base >> 16]


def test_a_store_that_crosses_into_a_missing_page_writes_nothing() -> None:
    v = world()
    v.regs[ESI] = 0x8FFC
    v.mem.absent.add(9)
    assert fault_of(v, "sgdt", "0f 01 06") == (PF, 2)
    assert v.get(0x8FFC, 1) == [0]


@pytest.mark.parametrize(
    ("effect", "code"),
    [("sgdt", "0f 01 c5"), ("sidt", "0f 01 cd"), ("lgdt", "0f 01 d5"), ("lidt", "0f 01 dd")],
)
def test_table_instructions_have_no_register_form(effect: str, code: str) -> None:
    assert fault_of(world(), effect, code) == (UD, None)


@pytest.mark.parametrize(("effect", "reg"), [("lgdt", 2), ("lidt", 3)])
def test_lgdt_and_lidt_take_32_bits_of_base_and_24_with_66(effect: str, reg: int) -> None:
    v = world()
    v.put(AT, 0x1234, 0x5678, 0xFEDC, size=2)
    for prefix, base in (("", 0xFEDC_5678), ("66", 0x00DC_5678)):
        perform(v, effect, f"{prefix} 0f 01 {5 | reg << 3:02x} {AT.to_bytes(4, 'little').hex()}")
        assert (v.gdtr if effect == "lgdt" else v.idtr) == TableRegister(base, 0x1234)


PRIVILEGED = [
    ("lgdt", "0f 01 16"), ("lidt", "0f 01 1e"), ("lldt", "0f 00 d0"), ("ltr", "0f 00 d8"),
    ("lmsw", "0f 01 f0"), ("clts", "0f 06"),
]  # fmt: skip


@pytest.mark.parametrize(("effect", "code"), PRIVILEGED)
@pytest.mark.parametrize("cpl", [1, 3])
def test_loading_is_for_ring_0(effect: str, code: str, cpl: int) -> None:
    assert fault_of(world(cpl), effect, code) == (GP, 0)


@pytest.mark.parametrize(("effect", "rm", "register"), [("sldt", 0, LDTR), ("str", 1, TR)])
def test_selectors_are_stored_zero_extended_to_registers_and_as_words_to_memory(
    effect: str, rm: int, register: int
) -> None:
    v = world(3)
    v.segments[register] = hidden(v, TASK)
    v.regs[EBX] = 0xFFFF_FFFF
    perform(v, effect, f"0f 00 {0xC3 | rm << 3:02x}")
    assert v.regs[EBX] == TASK
    v.regs[EBX] = 0xFFFF_FFFF
    perform(v, effect, f"66 0f 00 {0xC3 | rm << 3:02x}")
    assert v.regs[EBX] == 0xFFFF_0000 | TASK
    v.put(AT, 0xFFFF_FFFF)
    v.regs[ESI] = AT
    perform(v, effect, f"0f 00 {6 | rm << 3:02x}")
    assert v.get(AT, 1) == [0xFFFF_0000 | TASK]


def test_smsw_gives_all_of_cr0_to_a_32_bit_register() -> None:
    v = world(3)
    v.cr0 = 0x8005_003B
    perform(v, "smsw", "0f 01 e3")
    assert v.regs[EBX] == 0x8005_003B
    v.regs[EBX] = 0
    perform(v, "smsw", "66 0f 01 e3")
    assert v.regs[EBX] == 0x003B
    v.regs[ESI] = AT
    v.put(AT, 0xFFFF_FFFF)
    perform(v, "smsw", "0f 01 26")
    assert v.get(AT, 1) == [0xFFFF_003B]


def test_lldt_loads_and_a_null_selector_leaves_no_ldt() -> None:
    v = world()
    v.regs[EBX] = 0xABCD_0000 | LDT_SELECTOR | 3
    perform(v, "lldt", "0f 00 d3")
    assert v.segments[LDTR] == (LDT_SELECTOR | 3, LDT, 0x3F, 0x8200)
    v.regs[EBX] = 3
    perform(v, "lldt", "0f 00 d3")
    assert v.segments[LDTR] == (3, 0, 0, 0)


@pytest.mark.parametrize("kind", [TASK2, TASK286])
def test_ltr_marks_the_task_busy_in_memory_and_in_tr(kind: int) -> None:
    v = world()
    v.regs[EBX] = kind
    type_before = v.access_byte(kind)
    perform(v, "ltr", "0f 00 db")
    assert v.access_byte(kind) == type_before | 2
    assert v.segments[TR] == hidden(v, kind)
    assert v.segments[TR].base == (TSS2 if kind == TASK2 else 0x3800)


@pytest.mark.parametrize(
    ("effect", "code", "selector"), [("lldt", "0f 00 16", LDT_SELECTOR), ("ltr", "0f 00 1e", TASK2)]
)
def test_a_selector_in_memory_is_a_word(effect: str, code: str, selector: int) -> None:
    v = world()
    v.regs[ESI] = 0x8FFE
    v.mem.absent.add(9)
    v.put(0x8FFE, selector, size=2)
    perform(v, effect, code)
    assert v.segments[LDTR if effect == "lldt" else TR] == hidden(v, selector)


BAD = [
    (0, GP, None),
    (FREE | 4, GP, descriptor(0, 0xFF, 0x82, 0)),
    (0xF00, GP, None),
    (DATA0, GP, None),
    (FREE, NP, "absent"),
]


@pytest.mark.parametrize(("effect", "code", "good"), [("lldt", "0f 00 d3", 0x82), ("ltr", "0f 00 db", 0x89)])
@pytest.mark.parametrize(("selector", "vector", "what"), BAD)
def test_a_bad_selector_is_named_in_the_error_code(
    effect: str, code: str, good: int, selector: int, vector: int, what: object
) -> None:
    v = world()
    if effect == "lldt" and not selector:
        return
    v.set_descriptor(FREE, descriptor(0, 0xFF, good & 0x7F if what == "absent" else good, 0))
    v.regs[EBX] = selector | 3 if selector == DATA0 else selector
    assert fault_of(v, effect, code) == (vector, selector & 0xFFFC)


@pytest.mark.parametrize("selector", [TASK, CODE0, LDT_SELECTOR])
def test_ltr_refuses_a_busy_task_and_what_is_no_task(selector: int) -> None:
    v = world()
    v.regs[EBX] = selector
    assert fault_of(v, "ltr", "0f 00 db") == (GP, selector)


def test_lmsw_sets_pe_mp_em_ts_and_cannot_clear_pe() -> None:
    v = world()
    v.cr0 = 0x8000_001F
    v.regs[EBX] = 0xFFFF_FFF0
    perform(v, "lmsw", "0f 01 f3")
    assert v.cr0 == 0x8000_0011
    v.regs[EBX] = 0xA
    perform(v, "lmsw", "0f 01 f3")
    assert v.cr0 == 0x8000_001B


def test_clts_clears_ts() -> None:
    v = world()
    v.cr0 = 0x8000_0019
    perform(v, "clts", "0f 06")
    assert v.cr0 == 0x8000_0011
