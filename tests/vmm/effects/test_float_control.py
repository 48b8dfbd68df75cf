# SPDX-License-Identifier: GPL-2.0-or-later
"""What masks and shows floating-point exceptions: who may run it, what it changes, and when an error waits."""

import pytest
from fake_vcpu import EAX, FakeVcpu, fault_of, instruction, perform, world

from patcher.x86.exceptions import GP, MF, NM, UD
from vmm.effects import EFFECTS
from vmm.engine.float_area import ES, PE, ZE

BUF = 0x9000
CR0_EM, CR0_TS, CR0_NE, OSFXSR = 0x4, 0x8, 0x20, 0x200
AT_BUF = "00 90 00 00"
X87 = {
    "fldcw": "d9 2d", "fldenv": "d9 25", "frstor": "dd 25", "fnstenv": "d9 35", "fnsave": "dd 35", "fnstsw": "dd 3d",
}  # fmt: skip
WAITING = ("fldcw", "fldenv", "frstor")


def machine() -> FakeVcpu:
    v = world()
    v.cr0 |= CR0_NE
    v.cr4 = OSFXSR
    return v


def pending(control: int = 0x37B) -> FakeVcpu:
    """A division by zero waits."""
    v = machine()
    v.floats.load(control, 0x3800 | ZE)
    return v


def run(v: FakeVcpu, name: str) -> None:
    perform(v, name, f"{X87[name]} {AT_BUF}")


@pytest.mark.parametrize("name", X87)
@pytest.mark.parametrize("bit", [CR0_EM, CR0_TS])
def test_every_x87_instruction_asks_cr0_first(name: str, bit: int) -> None:
    v = pending()
    v.cr0 |= bit
    assert fault_of(v, name, f"{X87[name]} {AT_BUF}") == (NM, None)


@pytest.mark.parametrize("name", WAITING)
def test_loads_look_for_a_waiting_error_first(name: str) -> None:
    assert fault_of(pending(), name, f"{X87[name]} {AT_BUF}") == (MF, None)


@pytest.mark.parametrize("name", sorted(set(X87) - set(WAITING)))
def test_stores_do_not_wait(name: str) -> None:
    v = pending()
    run(v, name)
    assert v.get(BUF if name == "fnstsw" else BUF + 4, 1, 2) == [0xB884]


def test_without_ne_the_processor_stops_until_the_interrupt() -> None:
    v = pending()
    v.cr0 &= ~CR0_NE
    at = v.eip
    EFFECTS["fldcw"](v, instruction(f"d9 2d {AT_BUF}"))
    assert (v.halted, v.coprocessor.errors) == (True, 1)
    assert v.eip == at
    assert v.floats.control == 0x37B


def test_ignne_lets_it_go_on() -> None:
    v = pending()
    v.cr0 &= ~CR0_NE
    v.coprocessor.ignores = True
    v.put(BUF, 0x37F, size=2)
    run(v, "fldcw")
    assert (v.halted, v.floats.control) == (False, 0x37F)
    assert not v.floats.pending


@pytest.mark.parametrize(("word", "changes"), [(0x37F, 0), (0xF7F, 0), (0x37B, 1)])
def test_only_a_control_word_that_unmasks_is_told(word: int, changes: int) -> None:
    v = machine()
    v.put(BUF, word, size=2)
    run(v, "fldcw")
    assert (v.floats.control, v.float_changes) == (word, changes)


def test_reserved_bits_of_the_control_word_are_not_kept() -> None:
    v = machine()
    v.put(BUF, 0xE33F, size=2)
    run(v, "fldcw")
    assert v.floats.control == 0x37F - 0x40 | 0x40


def test_unmasking_finds_what_was_raised_masked() -> None:
    v = machine()
    v.floats.bytes[v.floats.layout.x87] = PE  # as an operation of the engine leaves it
    v.put(BUF, 0x35F, size=2)
    run(v, "fldcw")
    assert v.floats.status & 0xFF == PE | ES
    assert v.floats.pending


@pytest.mark.parametrize(("code", "name"), [("db e2", "fnclex"), ("db e3", "fninit")])
def test_clearing_forgets_the_error_and_what_the_engine_keeps(code: str, name: str) -> None:
    v = pending()
    v.floats.bytes[v.floats.layout.x87] = PE
    perform(v, name, code)
    assert v.floats.status & 0x80FF == 0
    assert v.float_changes == 1


def test_fnstsw_keeps_the_upper_half_of_eax() -> None:
    v = pending()
    v.regs[EAX] = 0x1234_5678
    perform(v, "fnstsw ax", "df e0")
    assert v.regs[EAX] == 0x1234_B884


def test_fnstenv_masks_everything() -> None:
    v = pending()
    run(v, "fnstenv")
    assert v.get(BUF, 3) == [0x37B, 0xB884, 0xFFFF]
    assert (v.floats.control, v.floats.pending) == (0x37F, False)


@pytest.mark.parametrize("prefix", ["", "66 "])
def test_fnsave_and_frstor_keep_everything(prefix: str) -> None:
    v = pending()
    v.floats.set_tags(0b0011_1110)
    for number in range(8):
        v.floats.set_register(number, (1 << 63) + number, 0x3FFF + number)
    v.floats.pointers = v.floats.pointers._replace(code=8, instruction=0x1234, data=0x10, operand=0x5678)
    before = v.floats.save()
    perform(v, "fnsave", f"{prefix}dd 35 {AT_BUF}" if not prefix else "66 dd 35 00 90 00 00")
    assert (v.floats.control, v.floats.status, v.floats.full_tags()) == (0x37F, 0, 0)
    perform(v, "frstor", f"{prefix}dd 25 {AT_BUF}")
    assert v.floats.save() == before


def test_fxsave_and_fxrstor_keep_everything() -> None:
    v = pending()
    v.floats.set_tags(0b1111_0000)
    v.floats.mxcsr = 0x1D84
    for number in range(8):
        v.floats.set_register(number, (1 << 63) + number, 0xBFFF - number)
        v.floats.set_xmm(number, bytes(range(number, number + 16)))
    before = v.floats.save()
    perform(v, "fxsave", f"0f ae 05 {AT_BUF}")
    v.floats.initialise()
    v.floats.mxcsr = 0x1F80
    perform(v, "fxrstor", f"0f ae 0d {AT_BUF}")
    assert v.floats.save() == before
    assert v.get(BUF + 4, 1, 1) == [0b0000_1111]


def test_fxsave_wants_16_bytes() -> None:
    assert fault_of(machine(), "fxsave", "0f ae 05 08 90 00 00") == (GP, 0)
    assert fault_of(machine(), "fxrstor", "0f ae 0d 01 90 00 00") == (GP, 0)


def test_fxrstor_refuses_reserved_bits_of_mxcsr() -> None:
    v = machine()
    v.put(BUF + 24, 0x1_1F80)
    before = v.floats.save()
    assert fault_of(v, "fxrstor", f"0f ae 0d {AT_BUF}") == (GP, 0)
    assert v.floats.save() == before


@pytest.mark.parametrize(("name", "code"), [("ldmxcsr", "0f ae 15"), ("stmxcsr", "0f ae 1d")])
def test_mxcsr_is_there_with_sse_only(name: str, code: str) -> None:
    for cr0, cr4, vector in ((CR0_EM, OSFXSR, UD), (0, 0, UD), (CR0_TS, OSFXSR, NM), (CR0_TS, 0, UD)):
        v = machine()
        v.cr0, v.cr4 = v.cr0 | cr0, cr4
        assert fault_of(v, name, f"{code} {AT_BUF}") == (vector, None)
    v = FakeVcpu("pentium")
    v.cr4 = OSFXSR
    assert fault_of(v, name, f"{code} {AT_BUF}") == (UD, None)


def test_stmxcsr_shows_what_the_engine_keeps() -> None:
    v = machine()
    v.floats.bytes[v.floats.layout.sse] = PE
    perform(v, "stmxcsr", f"0f ae 1d {AT_BUF}")
    assert v.get(BUF, 1) == [0x1FA0]


@pytest.mark.parametrize(("value", "changes"), [(0x1F80, 0), (0x7FBF, 0), (0x1D80, 1)])
def test_only_an_mxcsr_that_unmasks_is_told(value: int, changes: int) -> None:
    v = machine()
    v.put(BUF, value)
    perform(v, "ldmxcsr", f"0f ae 15 {AT_BUF}")
    assert (v.floats.mxcsr, v.float_changes) == (value, changes)


def test_ldmxcsr_refuses_reserved_bits() -> None:
    v = machine()
    v.put(BUF, 0x1_1F80)
    assert fault_of(v, "ldmxcsr", f"0f ae 15 {AT_BUF}") == (GP, 0)
