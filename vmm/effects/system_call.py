# SPDX-License-Identifier: GPL-2.0-or-later
"""sysenter sysexit by their MSRs, syscall sysret where a model has them (SDM vol. 2B, SYSENTER, SYSEXIT)."""

from patcher.x86.exceptions import GP, UD, GuestFault
from patcher.x86.flags import IF, RF, VM
from patcher.x86.insn import CS, SS, Insn
from patcher.x86.segment import Segment
from vmm.cpu_model import SYSENTER_CS, SYSENTER_EIP, SYSENTER_ESP, Feature
from vmm.effects.registry import effect
from vmm.errors import Unsupported
from vmm.processor import Processor
from vmm.segmentation import MASK32
from vmm.stack import ESP

ECX, EDX = 1, 2
_CODE, _DATA = 0x00C0_9B00, 0x00C0_9300
"""Flat, present, accessed, 32-bit, DPL 0: what both instructions load without reading a descriptor."""


def _code_selector(v: Processor) -> int:
    """IA32_SYSENTER_CS; #GP(0) while it is null."""
    if not v.model.has(Feature.SEP):
        raise GuestFault(UD)
    selector = v.msrs.get(SYSENTER_CS, 0) & 0xFFFC
    if not selector:
        raise GuestFault(GP, 0)
    return selector


def _enter_ring(v: Processor, ring: int, cs: int, eip: int, esp: int) -> None:
    dpl = ring << 13
    v.set_cpl(ring)
    v.load_segment(CS, Segment(cs | ring, 0, MASK32, _CODE | dpl))
    v.load_segment(SS, Segment(cs + 8 | ring, 0, MASK32, _DATA | dpl))
    v.regs[ESP] = esp
    v.eip = eip


@effect("sysenter")
def sysenter(v: Processor, insn: Insn) -> None:
    """Enter ring 0 at IA32_SYSENTER_EIP with interrupts off; nothing is saved."""
    cs = _code_selector(v)
    v.eflags = v.eflags & ~(VM | IF | RF)
    _enter_ring(v, 0, cs, v.msrs.get(SYSENTER_EIP, 0) & MASK32, v.msrs.get(SYSENTER_ESP, 0) & MASK32)


@effect("sysexit")
def sysexit(v: Processor, insn: Insn) -> None:
    """Leave ring 0 for EDX, with the stack at ECX."""
    cs = _code_selector(v)
    if v.cpl:
        raise GuestFault(GP, 0)
    _enter_ring(v, 3, cs + 16 & 0xFFFF, v.regs[EDX], v.regs[ECX])


@effect("syscall", "sysret")
def syscall(v: Processor, insn: Insn) -> None:
    """#UD in 32-bit mode on every model that we have (SDM vol. 2B, SYSCALL)."""
    if not v.model.has(Feature.SYSCALL):
        raise GuestFault(UD)
    raise Unsupported("syscall or sysret on a processor that has them", v.eip)
