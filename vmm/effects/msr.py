# SPDX-License-Identifier: GPL-2.0-or-later
"""rdmsr wrmsr: the registers that the processor model has, #GP(0) for all others (SDM vol. 2B, RDMSR)."""

from patcher.x86.exceptions import GP, UD, GuestFault
from patcher.x86.insn import Insn
from vmm.cpu_model import EFER, TSC, Feature, Msr
from vmm.effects.registry import effect
from vmm.processor import Processor

EAX, ECX, EDX = 0, 1, 2


def _selected(v: Processor) -> Msr:
    """The register that ECX names, for ring 0."""
    if not v.model.has(Feature.MSR):
        raise GuestFault(UD)
    register = v.model.msrs.get(v.regs[ECX])
    if v.cpl or register is None:
        raise GuestFault(GP, 0)
    return register


def _value(v: Processor, number: int, register: Msr) -> int:
    return v.tsc() if number == TSC else v.msrs.get(number, register.initial)


@effect("rdmsr")
def rdmsr(v: Processor, insn: Insn) -> None:
    """Read the MSR that ECX names into EDX:EAX."""
    value = _value(v, v.regs[ECX], _selected(v))
    v.regs[EAX] = value & 0xFFFF_FFFF
    v.regs[EDX] = value >> 32
    v.advance(insn)


@effect("wrmsr")
def wrmsr(v: Processor, insn: Insn) -> None:
    """Write EDX:EAX to the MSR that ECX names; #GP(0) for a change of bits that it does not let change."""
    register, number = _selected(v), v.regs[ECX]
    old, value = _value(v, number, register), v.regs[EDX] << 32 | v.regs[EAX]
    if (old ^ value) & ~register.writable:
        raise GuestFault(GP, 0)
    if number == TSC:
        value = v.msrs.get(TSC, 0) + value - old  # what is kept is the offset to the clock
    v.msrs[number] = value
    if number == EFER and value != old:
        v.mode_changed()
    v.advance(insn)
