# SPDX-License-Identifier: GPL-2.0-or-later
"""cpuid rdtsc rdtscp rdpmc rdpid xgetbv xsetbv: the processor's name, counters and extended state."""

from patcher.x86.exceptions import GP, UD, GuestFault
from patcher.x86.insn import Insn
from vmm.cpu_model import TSC_AUX, Feature
from vmm.effects.registry import effect
from vmm.errors import Unsupported
from vmm.processor import Processor

EAX, ECX, EDX, EBX = 0, 1, 2, 3
CR4_TSD = 4


@effect("cpuid")
def cpuid(v: Processor, insn: Insn) -> None:
    """Answer from the processor model; every ring may ask (SDM vol. 2A, CPUID)."""
    regs = v.regs
    regs[EAX], regs[EBX], regs[ECX], regs[EDX] = v.model.cpuid(regs[EAX], regs[ECX])
    v.advance(insn)


@effect("rdtsc")
def rdtsc(v: Processor, insn: Insn) -> None:
    """Read the time-stamp counter into EDX:EAX; CR4.TSD keeps it for ring 0 (SDM vol. 2B, RDTSC)."""
    _read_tsc(v, Feature.TSC)
    v.advance(insn)


@effect("rdtscp")
def rdtscp(v: Processor, insn: Insn) -> None:
    """rdtsc, and IA32_TSC_AUX into ECX."""
    _read_tsc(v, Feature.RDTSCP)
    v.regs[ECX] = v.msrs.get(TSC_AUX, 0)
    v.advance(insn)


def _read_tsc(v: Processor, feature: Feature) -> None:
    if not v.model.has(feature):
        raise GuestFault(UD)
    if v.cr4 & CR4_TSD and v.cpl:
        raise GuestFault(GP, 0)
    value = v.tsc()
    v.regs[EAX] = value & 0xFFFF_FFFF
    v.regs[EDX] = value >> 32


def _absent(v: Processor, feature: Feature, name: str) -> None:
    """#UD for an instruction of a feature that the model lacks; a verdict should a model ever claim it."""
    if not v.model.has(feature):
        raise GuestFault(UD)
    raise Unsupported(f"{name} on a processor that has it", v.eip)


@effect("rdpmc")
def rdpmc(v: Processor, insn: Insn) -> None:
    """No model has performance counters."""
    _absent(v, Feature.PERFCTR, "rdpmc")


@effect("rdpid")
def rdpid(v: Processor, insn: Insn) -> None:
    """No model has IA32_TSC_AUX."""
    _absent(v, Feature.RDPID, "rdpid")


@effect("xgetbv")
def xgetbv(v: Processor, insn: Insn) -> None:
    """No model has XSAVE."""
    _absent(v, Feature.XSAVE, "xgetbv")


@effect("xsetbv")
def xsetbv(v: Processor, insn: Insn) -> None:
    """No model has XSAVE."""
    _absent(v, Feature.XSAVE, "xsetbv")


@effect("monitor")
def monitor(v: Processor, insn: Insn) -> None:
    """No model has MONITOR (SDM vol. 2B, MONITOR)."""
    _absent(v, Feature.MONITOR, "monitor")


@effect("mwait")
def mwait(v: Processor, insn: Insn) -> None:
    """No model has MONITOR (SDM vol. 2B, MWAIT)."""
    _absent(v, Feature.MONITOR, "mwait")


@effect("invpcid")
def invpcid(v: Processor, insn: Insn) -> None:
    """No model has INVPCID."""
    _absent(v, Feature.INVPCID, "invpcid")


@effect("rdfsbase", "rdgsbase", "wrfsbase", "wrgsbase", "swapgs", "ud")
def undefined(v: Processor, insn: Insn) -> None:
    """#UD: an encoding that the processor does not run, or not outside 64-bit mode (SDM vol. 2B, SWAPGS)."""
    raise GuestFault(UD)
