# SPDX-License-Identifier: GPL-2.0-or-later
"""A frozen picture of the virtual processor, for reports and for the person who looks at a stopped machine."""

from collections.abc import Iterable

from patcher.x86.exceptions import GuestFault
from vmm.report.cpu_dump import CpuDump, ExitLine, TableDump
from vmm.vcpu import Vcpu

CODE_BYTES, STACK_WORDS = 64, 16
CS, SS, ESP = 1, 2, 4


def dump(vcpu: Vcpu, recent: Iterable[tuple[int, GuestFault]] = ()) -> CpuDump:
    """Everything the crash report shows; unmapped memory is left out."""
    segments = tuple(vcpu.segment(i) for i in range(8))
    code_base = segments[CS].base + vcpu.eip & 0xFFFF_FFFF
    return CpuDump(
        regs=tuple(vcpu.regs), eip=vcpu.eip, eflags=vcpu.eflags, cpl=vcpu.cpl,
        cr0=vcpu.cr0, cr2=vcpu.cr2, cr3=vcpu.cr3, cr4=vcpu.cr4, segments=segments,
        gdtr=TableDump(vcpu.gdtr.base, vcpu.gdtr.limit), idtr=TableDump(vcpu.idtr.base, vcpu.idtr.limit),
        code=vcpu.mem.peek(code_base, CODE_BYTES), code_base=code_base,
        stack=_stack(vcpu, segments[SS].base + vcpu.regs[ESP] & 0xFFFF_FFFF),
        last_exits=tuple(ExitLine(eip, "exception", str(fault)) for eip, fault in recent),
    )  # fmt: skip


def _stack(vcpu: Vcpu, linear: int) -> tuple[int, ...]:
    words: list[int] = []
    try:
        for i in range(STACK_WORDS):
            words.append(vcpu.mem.read_system(linear + 4 * i & 0xFFFF_FFFF, 4))
    except GuestFault:
        pass  # the rest of the stack is not mapped
    return tuple(words)
