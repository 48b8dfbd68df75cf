# SPDX-License-Identifier: GPL-2.0-or-later
"""Control and debug registers: what may be written, what is refused, and what is a verdict."""

import pytest
from fake_vcpu import EAX, fault_of, perform, world
from hypothesis import given
from hypothesis import strategies as st

from patcher.x86.exceptions import DB, GP, UD, GuestFault
from vmm.cpu_model import MODELS
from vmm.errors import Unsupported

PG, PE, NW, CD = 1 << 31, 1, 1 << 29, 1 << 30
TABLE = 0x9000


@pytest.mark.parametrize(("number", "value"), [(0, 0x8000_0011), (2, 0x1234), (3, 0x5018), (4, 0x90)])
def test_reads_are_32_bits_whatever_the_prefix_and_mod(number: int, value: int) -> None:
    v = world()
    setattr(v, f"cr{number}", value)
    for prefix in ("", "66 "):
        for mod in (0xC0, 0x00):
            v.regs[EAX] = 0
            perform(v, "mov r,cr", f"{prefix}0f 20 {mod | number << 3:02x}")
            assert v.regs[EAX] == value


@pytest.mark.parametrize("number", [1, 5, 6, 7])
@pytest.mark.parametrize("cpl", [0, 3])
def test_other_control_registers_do_not_exist_in_any_ring(number: int, cpl: int) -> None:
    assert fault_of(world(cpl), "mov r,cr", f"0f 20 {0xC0 | number << 3:02x}") == (UD, None)
    assert fault_of(world(cpl), "mov cr,r", f"0f 22 {0xC0 | number << 3:02x}") == (UD, None)


@pytest.mark.parametrize("number", [0, 2, 3, 4])
def test_control_registers_are_for_ring_0(number: int) -> None:
    assert fault_of(world(3), "mov r,cr", f"0f 20 {0xC0 | number << 3:02x}") == (GP, 0)
    assert fault_of(world(1), "mov cr,r", f"0f 22 {0xC0 | number << 3:02x}") == (GP, 0)


@given(st.integers(0, 0xFFFF_FFFF))
def test_cr0_keeps_its_defined_bits_and_et(value: int) -> None:
    v = world()
    v.regs[EAX] = value
    if (value & PG and not value & PE) or (value & NW and not value & CD):
        assert fault_of(v, "mov cr,r", "0f 22 c0") == (GP, 0)
    elif not value & PE:
        with pytest.raises(Unsupported, match=r"real mode \(CR0\.PE cleared\) at guest address 0x00010000"):
            perform(v, "mov cr,r", "0f 22 c0")
    else:
        perform(v, "mov cr,r", "0f 22 c0")
        assert v.cr0 == value & 0xE005_003F | 0x10


@pytest.mark.parametrize("bit", range(32))
def test_each_bit_of_cr0(bit: int) -> None:
    v = world()
    v.regs[EAX] = 1 << bit | PE | (CD if bit == 29 else 0)
    perform(v, "mov cr,r", "0f 22 c0")
    assert v.cr0 == v.regs[EAX] & 0xE005_003F | 0x10
    v = world()
    v.regs[EAX] = PG | 1 << bit if bit else PG
    assert fault_of(v, "mov cr,r", "0f 22 c0") == (GP, 0)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("bit", range(32))
def test_cr4_has_the_bits_of_the_model_features(name: str, bit: int) -> None:
    v = world(model=name)
    v.regs[EAX] = 1 << bit
    if MODELS[name].cr4_mask >> bit & 1:
        perform(v, "mov cr,r", "0f 22 e0")
        assert v.cr4 == 1 << bit
    else:
        assert fault_of(v, "mov cr,r", "0f 22 e0") == (GP, 0)


def test_cr2_and_cr3_take_any_value() -> None:
    v = world()
    v.regs[EAX] = 0xFFFF_FFFF
    perform(v, "mov cr,r", "0f 22 d0")
    perform(v, "mov cr,r", "0f 22 d8")
    assert (v.cr2, v.cr3) == (0xFFFF_FFFF, 0xFFFF_FFFF)


@pytest.mark.parametrize("entry", range(4))
@pytest.mark.parametrize(
    ("value", "good"),
    [(1, True), (9, True), (3, False), (0x21, False), (1 << 36 | 1, False), (9 << 60 | 1, False)],
)
def test_pae_paging_checks_the_four_top_entries(entry: int, value: int, good: bool) -> None:
    def attempt(register: str, new: int, **state: int) -> None:
        v = world()
        v.put(TABLE + 8 * entry, value, size=8)
        for name, number in state.items():
            setattr(v, name, number)
        v.regs[EAX] = new
        if good:
            perform(v, "mov cr,r", register)
        else:
            assert fault_of(v, "mov cr,r", register) == (GP, 0)

    attempt("0f 22 c0", PG | PE, cr3=TABLE, cr4=0x20)
    attempt("0f 22 d8", TABLE | 0x1F, cr0=PG | 0x11, cr4=0x20)
    attempt("0f 22 e0", 0x20, cr0=PG | 0x11, cr3=TABLE)


def test_debug_registers_keep_what_is_written() -> None:
    v = world()
    ones = 0xFFFF_FFFF
    writes = [(0, 0x1234, 0x1234), (3, ones, ones), (6, ones, 0xFFFF_EFFF), (6, 0, 0xFFFF_0FF0)]
    for number, value, kept in [*writes, (7, 0xFFFF_DC00, 0xFFFF_0400), (7, 0x2300, 0x2700)]:
        v.dr[7] = 0x400
        v.regs[EAX] = value
        perform(v, "mov dr,r", f"0f 23 {0xC0 | number << 3:02x}")
        assert v.dr[number] == kept
        v.dr[7] &= ~0x2000
        perform(v, "mov r,dr", f"0f 21 {0xC0 | number << 3:02x}")
        assert v.regs[EAX] == kept & ~(0x2000 if number == 7 else 0)


@pytest.mark.parametrize(("number", "alias"), [(4, 6), (5, 7)])
def test_dr4_and_dr5_are_aliases_unless_debug_extensions_are_on(number: int, alias: int) -> None:
    v = world()
    v.dr[alias] = 0xFFFF_0FF1
    v.dr[7] &= ~0x2000
    perform(v, "mov r,dr", f"0f 21 {0xC0 | number << 3:02x}")
    assert v.regs[EAX] == v.dr[alias]
    v.cr4 = 8
    assert fault_of(v, "mov r,dr", f"0f 21 {0xC0 | number << 3:02x}") == (UD, None)
    assert fault_of(v, "mov dr,r", f"0f 23 {0xC0 | number << 3:02x}") == (UD, None)


def test_general_detect_stops_every_access() -> None:
    for effect, code in (("mov r,dr", "0f 21 c0"), ("mov dr,r", "0f 23 c0")):
        v = world()
        v.dr[7] = 0x2400
        with pytest.raises(GuestFault) as caught:
            perform(v, effect, code)
        assert caught.value.vector == DB
        assert v.dr[6] == 0xFFFF_2FF0
        assert v.regs[EAX] == v.dr[0] == 0


def test_debug_registers_are_for_ring_0() -> None:
    assert fault_of(world(3), "mov r,dr", "0f 21 c0") == (GP, 0)
    assert fault_of(world(3), "mov dr,r", "0f 23 c0") == (GP, 0)


def test_a_hardware_breakpoint_is_a_verdict() -> None:
    v = world()
    v.regs[EAX] = 0x0000_0401
    with pytest.raises(Unsupported, match=r"a hardware breakpoint \(DR7 = 0x00000401\) at guest address"):
        perform(v, "mov dr,r", "0f 23 f8")
