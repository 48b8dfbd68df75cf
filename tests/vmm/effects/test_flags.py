# SPDX-License-Identifier: GPL-2.0-or-later
"""Flags: what each ring sees of EFLAGS and may change, against the manual's table written out bit by bit."""

import pytest
from fake_vcpu import DATA0, ESP, FREE, STACK0, descriptor, fault_of, hidden, perform, world
from hypothesis import given
from hypothesis import strategies as st

from patcher.x86.exceptions import GP, PF, SS, UD
from patcher.x86.flags import AC, ID, IF, IOPL, RF, TF, VIF, VIP, VM
from vmm.cpu_model import Feature, make

words = st.integers(0, 0xFFFF_FFFF)
rings = st.sampled_from([0, 1, 3])


def guest_flags(flags: int, iopl: int) -> int:
    """A legal EFLAGS value."""
    return flags & 0x24_4FD5 | iopl << 12 | 2


@given(words, rings, st.integers(0, 3))
def test_pushf_shows_all_but_vm_and_rf(flags: int, cpl: int, iopl: int) -> None:
    v = world(cpl)
    v.eflags = guest_flags(flags, iopl) | RF
    esp = v.regs[ESP]
    perform(v, "pushf", "9c")
    assert v.regs[ESP] == esp - 4
    assert v.get(esp - 4, 1) == [v.eflags & ~RF]
    assert v.eip == 0x1_0001


def test_pushf_with_66_pushes_a_word() -> None:
    v = world()
    v.eflags = 0x24_0202
    v.put(STACK0 - 4, 0xAAAA_AAAA)
    perform(v, "pushf", "66 9c")
    assert v.regs[ESP] == STACK0 - 2
    assert v.get(STACK0 - 4, 1) == [0x0202_AAAA]
    assert v.eip == 0x1_0002


def test_a_16_bit_stack_moves_sp_alone_and_wraps() -> None:
    v = world()
    v.set_descriptor(FREE, descriptor(0x8000, 0xFFFF, 0x93, 0))
    v.segments[2] = hidden(v, FREE)
    v.regs[ESP] = 0x1234_0000
    perform(v, "pushf", "9c")
    assert v.regs[ESP] == 0x1234_FFFC
    assert v.get(0x8000 + 0xFFFC, 1) == [2]
    perform(v, "popf", "9d")
    assert v.regs[ESP] == 0x1234_0000
    perform(v, "popf", "9d")
    assert v.regs[ESP] == 0x1234_0004


@given(words, words, rings, st.integers(0, 3), st.booleans())
def test_popf_changes_what_the_manual_lets_it(old: int, image: int, cpl: int, iopl: int, word: bool) -> None:
    v = world(cpl)
    before = v.eflags = guest_flags(old, iopl)
    esp = v.regs[ESP]
    v.put(esp, image)
    perform(v, "popf", "66 9d" if word else "9d")
    allowed = dict.fromkeys((0, 2, 4, 6, 7, 8, 10, 11, 14), True)
    allowed |= {9: cpl <= iopl, 12: cpl == 0, 13: cpl == 0, 18: not word, 21: not word}
    for bit in range(32):
        source = image if allowed.get(bit) else before
        expected = source >> bit & 1
        assert v.eflags >> bit & 1 == expected, f"bit {bit}"
    assert v.regs[ESP] == esp + (2 if word else 4)


def test_popf_clears_rf_and_never_sets_vm_vif_vip() -> None:
    v = world()
    v.eflags = 2 | RF
    v.put(STACK0, VM | RF | VIF | VIP | TF)
    perform(v, "popf", "9d")
    assert v.eflags == 2 | TF


@pytest.mark.parametrize(("effect", "code"), [("pushf", "9c"), ("popf", "9d")])
def test_a_stack_fault_changes_nothing(effect: str, code: str) -> None:
    v = world()
    v.regs[ESP] = 0x9000
    v.mem.absent |= {8, 9}
    assert fault_of(v, effect, code) == (PF, 2 if effect == "pushf" else 0)
    v = world()
    v.set_descriptor(FREE, descriptor(0, 0xFF, 0x93, 4))
    v.segments[2] = hidden(v, FREE)
    assert fault_of(v, effect, code) == (SS, 0)


@pytest.mark.parametrize("cpl", [0, 1, 3])
@pytest.mark.parametrize("iopl", [0, 1, 2, 3])
@pytest.mark.parametrize(("effect", "code"), [("cli", "fa"), ("sti", "fb")])
def test_cli_and_sti_need_iopl(cpl: int, iopl: int, effect: str, code: str) -> None:
    v = world(cpl)
    v.eflags = 2 | iopl << 12 | (IF if effect == "cli" else 0)
    if cpl > iopl:
        assert fault_of(v, effect, code) == (GP, 0)
        return
    perform(v, effect, code)
    assert v.eflags == 2 | iopl << 12 | (IF if effect == "sti" else 0)
    assert v.shadow is (effect == "sti")


def test_sti_casts_no_shadow_when_interrupts_were_on() -> None:
    v = world()
    v.eflags = IF | 2
    perform(v, "sti", "fb")
    assert v.eflags == IF | 2
    assert not v.shadow


def test_popf_at_iopl_0_in_ring_3_leaves_if_and_iopl_silently() -> None:
    v = world(3)
    v.eflags = IF | 2
    v.put(v.regs[ESP], IOPL | AC | ID)
    perform(v, "popf", "9d")
    assert v.eflags == IF | AC | ID | 2


@pytest.mark.parametrize("code", ["0f 01 ca", "0f 01 cb"])
def test_clac_and_stac_are_undefined_without_smap(code: str) -> None:
    assert fault_of(world(), "clac" if code.endswith("a") else "stac", code) == (UD, None)


def test_clac_and_stac_move_ac_in_ring_0_where_smap_exists() -> None:
    smap = make("smap", 0x663, [Feature.SMAP])
    v = world(model=smap)
    perform(v, "stac", "0f 01 cb")
    assert v.eflags == AC | 2
    perform(v, "clac", "0f 01 ca")
    assert v.eflags == 2
    assert fault_of(world(3, smap), "stac", "0f 01 cb") == (UD, None)


def test_the_data_segment_of_the_fixture_is_flat() -> None:
    assert hidden(world(), DATA0) == (DATA0, 0, 0xFFFF_FFFF, 0xC0_9300)
