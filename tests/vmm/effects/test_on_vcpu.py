# SPDX-License-Identifier: GPL-2.0-or-later
"""The test double is no fiction: the real `Vcpu`, over a state area without an engine, does the same."""

import pytest
from fake_vcpu import (
    CODE0,
    CODE3,
    DATA0,
    DATA3,
    EAX,
    EBX,
    ECX,
    EDX,
    ESI,
    ESP,
    FREE,
    IDT,
    LDT_SELECTOR,
    RAM,
    TASK2,
    TSS2,
    FakePorts,
    FakeVcpu,
    gate,
    instruction,
    world,
)
from float_bytes import SIZE as FLOAT_BYTES
from float_bytes import float_layout

from patcher.x86.exceptions import PF, GuestFault
from patcher.x86.flags import IF, IOPL, NT
from vmm.cpu_model import MODELS
from vmm.effects import EFFECTS
from vmm.engine.state_area import StateArea
from vmm.engine.state_layout import StateLayout
from vmm.inject import inject
from vmm.memory import GuestMemory
from vmm.mmu import Mmu
from vmm.vcpu import Vcpu

LAYOUT = StateLayout(
    regs=0, eip=128, eflags=136, cc_dst=144, cc_src=152, cc_op=160, df=164, hflags=168, segments=176, cr=432,
    old_exception=480, error_code=484, floats=float_layout(512), size=512 + FLOAT_BYTES,
)  # fmt: skip


class Still:
    """A clock that stands."""

    def now(self) -> int:
        return 0x1_FFFF_FFFF


def real(v: FakeVcpu) -> Vcpu:
    """A `Vcpu` in the state of the double, with a copy of its memory."""
    memory = GuestMemory(RAM)
    memory.bytes[:] = v.mem.ram
    area = StateArea(memoryview(bytearray(LAYOUT.size)), LAYOUT)
    ports = FakePorts()
    ports.answers = list(v.bus.answers)
    r = Vcpu(area, Mmu(memory), ports, MODELS["default"], Still(), fast=False)
    r.set_cpl(v.cpl)
    for i in range(8):
        r.regs[i] = v.regs[i]
        r.load_segment(i, v.segments[i])
    r.eip, r.eflags = v.eip, v.eflags
    for name in ("gdtr", "idtr"):
        mine, theirs = getattr(r, name), getattr(v, name)
        mine.base, mine.limit = theirs.base, theirs.limit
    r.dr[:], r.msrs = v.dr, dict(v.msrs)
    return r


def state(v: FakeVcpu | Vcpu) -> dict[str, object]:
    return {
        "regs": [v.regs[i] for i in range(8)], "eip": v.eip, "eflags": v.eflags, "cpl": v.cpl,
        "cr": [v.cr0, v.cr2, v.cr3, v.cr4], "dr": list(v.dr), "msrs": dict(v.msrs),
        "gdtr": (v.gdtr.base, v.gdtr.limit), "idtr": (v.idtr.base, v.idtr.limit),
        "segments": [v.segment(i) for i in range(8)], "halted": v.halted, "shadow": v.shadow,
        "ports": v.bus.log,  # type: ignore[union-attr]
    }  # fmt: skip


def memory(v: FakeVcpu | Vcpu) -> bytes:
    return bytes(v.mem.ram) if isinstance(v, FakeVcpu) else bytes(v.mem.memory.bytes)


def compare(v: FakeVcpu, r: Vcpu) -> None:
    assert state(v) == state(r)
    assert memory(v) == memory(r)


CASES = [
    ("pushf", "9c", 0), ("pushf", "66 9c", 3), ("popf", "9d", 0), ("popf", "9d", 3), ("cli", "fa", 0),
    ("sti", "fb", 0), ("sgdt", "0f 01 06", 3), ("sidt", "66 0f 01 0e", 0), ("sldt", "0f 00 c3", 0),
    ("str", "0f 00 cb", 3), ("smsw", "0f 01 e3", 3), ("lgdt", "0f 01 16", 0), ("lidt", "0f 01 1e", 0),
    ("lldt", "0f 00 d2", 0), ("ltr", "0f 00 d9", 0), ("lmsw", "0f 01 f3", 0), ("clts", "0f 06", 0),
    ("mov r/m,sreg", "8c db", 3), ("mov sreg,r/m", "8e d8", 3), ("push sreg", "0e", 3), ("pop sreg", "1f", 0),
    ("les", "c4 06", 0), ("lar", "0f 02 c2", 0), ("lsl", "0f 03 c2", 0), ("verr", "0f 00 e2", 3),
    ("arpl", "63 c3", 3), ("jmp far", "ea 0d d0 00 00 08 00", 0), ("call far", "9a 0d d0 00 00 60 00", 3),
    ("jmp far", "ea 00 00 00 00 48 00", 0), ("call far", "9a 00 00 00 00 48 00", 0), ("retf", "cb", 0),
    ("retf", "ca 04 00", 3), ("iret", "cf", 0), ("iret", "cf", 3), ("int n", "cd 30", 3),
    ("int n", "cd 28", 0), ("int3", "cc", 0), ("bound", "62 06", 3), ("sysenter", "0f 34", 3),
    ("sysexit", "0f 35", 0),
    ("mov r,cr", "0f 20 c0", 0), ("mov cr,r", "0f 22 d8", 0), ("mov dr,r", "0f 23 c0", 0),
    ("mov r,dr", "0f 21 f0", 0), ("in", "e4 60", 0), ("out", "ee", 0), ("ins", "f3 6c", 0), ("outs", "6f", 0),
    ("rdmsr", "0f 32", 0), ("wrmsr", "0f 30", 0), ("cpuid", "0f a2", 3), ("rdtsc", "0f 31", 3),
    ("invlpg", "0f 01 38", 0), ("wbinvd", "0f 09", 0), ("hlt", "f4", 0), ("test", "f6 cb 01", 3),
]  # fmt: skip


def prepared(cpl: int) -> FakeVcpu:
    """Operands for all of the cases: pointers, selectors, frames, a second task, gates."""
    v = world(cpl)
    v.eflags = IF | 0x8D7 | (IOPL if cpl == 0 else 0)
    v.regs[EAX], v.regs[ECX], v.regs[EDX], v.regs[EBX] = DATA3, TASK2, LDT_SELECTOR, 0x123
    v.regs[ESI] = 0x8000
    v.regs[7] = 0x8100
    v.put(0x8000, 0x1000_00BF, DATA3 << 16 | 0x10)
    v.put(v.regs[ESP], 0xD00D, CODE0 if cpl == 0 else CODE3, DATA3 if cpl else 0x3202, 0x7700, DATA3)
    v.put(TSS2 + 0x1C, 0x5000, 0xD00D, IF | 2, 1, 2, 3, 4, 0x7800, 6, 7, 8)
    v.put(TSS2 + 0x48, DATA3, CODE3, DATA3, DATA3, 0, DATA3, LDT_SELECTOR)
    v.put(0x3066, 0x68, size=2)
    v.put(IDT + 8 * 0x28, gate(CODE0, 0xC280, 0xEF), size=8)
    v.set_descriptor(FREE, gate(CODE0, 0xD00D, 0xEC, 2))
    v.msrs[0x174] = 0x100
    v.bus.answers = list(range(0x50))
    return v


def outcome(v: FakeVcpu | Vcpu, effect: str, code: str) -> tuple[int, int | None, int | None] | None:
    try:
        EFFECTS[effect](v, instruction(code))  # type: ignore[arg-type]
    except GuestFault as fault:
        return fault.vector, fault.error_code, fault.address
    return None


@pytest.mark.parametrize(("effect", "code", "cpl"), CASES)
def test_the_double_and_the_real_processor_agree(effect: str, code: str, cpl: int) -> None:
    v = prepared(cpl)
    r = real(v)
    assert outcome(v, effect, code) == outcome(r, effect, code)
    compare(v, r)


@pytest.mark.parametrize("cpl", [0, 3])
@pytest.mark.parametrize(("vector", "error_code"), [(PF, 4), (13, 0x18), (6, None), (0x20, None)])
def test_events_too(cpl: int, vector: int, error_code: int | None) -> None:
    v = prepared(cpl)
    v.eflags |= NT
    r = real(v)
    for processor in (v, r):
        inject(processor, vector, error_code, external=vector == 0x20)  # type: ignore[arg-type]
    compare(v, r)
    assert v.cpl == 0
    assert v.segment(2).selector == DATA0
