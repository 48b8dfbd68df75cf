# SPDX-License-Identifier: GPL-2.0-or-later
"""sysenter and sysexit load fixed segments around IA32_SYSENTER_CS; syscall does not exist here."""

import pytest
from fake_vcpu import CS, ECX, EDX, ESP, SS, fault_of, perform, world

from patcher.x86.exceptions import GP, UD
from patcher.x86.flags import IF
from vmm.cpu_model import SYSENTER_CS, SYSENTER_EIP, SYSENTER_ESP, Feature, make
from vmm.errors import Unsupported


@pytest.mark.parametrize("cpl", [0, 3])
def test_sysenter(cpl: int) -> None:
    v = world(cpl)
    v.msrs |= {SYSENTER_CS: 0x103, SYSENTER_ESP: 0x1_0000_4000, SYSENTER_EIP: 0xD00D}
    v.eflags = IF | 0x3002
    perform(v, "sysenter", "0f 34")
    assert (v.cpl, v.eip, v.regs[ESP], v.eflags) == (0, 0xD00D, 0x4000, 0x3002)
    assert v.segments[CS] == (0x100, 0, 0xFFFF_FFFF, 0xC0_9B00)
    assert v.segments[SS] == (0x108, 0, 0xFFFF_FFFF, 0xC0_9300)


def test_sysexit() -> None:
    v = world()
    v.msrs[SYSENTER_CS] = 0x100
    v.eflags = IF | 2
    v.regs[EDX], v.regs[ECX] = 0xD00D, 0x7000
    perform(v, "sysexit", "0f 35")
    assert (v.cpl, v.eip, v.regs[ESP], v.eflags) == (3, 0xD00D, 0x7000, IF | 2)
    assert v.segments[CS] == (0x113, 0, 0xFFFF_FFFF, 0xC0_FB00)
    assert v.segments[SS] == (0x11B, 0, 0xFFFF_FFFF, 0xC0_F300)


@pytest.mark.parametrize(("effect", "code"), [("sysenter", "0f 34"), ("sysexit", "0f 35")])
def test_without_a_selector_in_the_msr_or_without_the_feature(effect: str, code: str) -> None:
    v = world()
    v.msrs[SYSENTER_CS] = 3
    assert fault_of(v, effect, code) == (GP, 0)
    assert fault_of(world(model="pentium"), effect, code) == (UD, None)


def test_sysexit_is_for_ring_0() -> None:
    v = world(3)
    v.msrs[SYSENTER_CS] = 0x100
    assert fault_of(v, "sysexit", "0f 35") == (GP, 0)


@pytest.mark.parametrize(("effect", "code"), [("syscall", "0f 05"), ("sysret", "0f 07")])
def test_syscall_is_undefined_and_loud_should_a_model_claim_it(effect: str, code: str) -> None:
    assert fault_of(world(), effect, code) == (UD, None)
    with pytest.raises(Unsupported, match="syscall or sysret on a processor that has them"):
        perform(world(model=make("k6", 0x580, [Feature.SYSCALL])), effect, code)
