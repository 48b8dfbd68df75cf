# SPDX-License-Identifier: GPL-2.0-or-later
"""lar lsl verr verw arpl: questions about a selector, answered in ZF (SDM vol. 3A, section 5.10)."""

from patcher.x86.descriptors import (
    CALL16,
    CALL32,
    CODE,
    CONFORMING,
    GRANULAR,
    LDT,
    NONSYSTEM,
    READABLE,
    TASK_GATE,
    TSS16,
    TSS16_BUSY,
    TSS32,
    TSS32_BUSY,
    WRITABLE,
)
from patcher.x86.flags import ZF
from patcher.x86.insn import Insn
from vmm.effects.operand import linear, read_rm, set_register
from vmm.effects.registry import effect
from vmm.processor import Processor
from vmm.segmentation import descriptor_address

_HAVE_LIMIT = frozenset({TSS16, LDT, TSS16_BUSY, TSS32, TSS32_BUSY})
_HAVE_RIGHTS = _HAVE_LIMIT | {CALL16, TASK_GATE, CALL32}
_NONE: frozenset[int] = frozenset()
_RIGHTS_MASK = 0x00F0_FF00


def _visible(v: Processor, selector: int, system_types: frozenset[int]) -> int:
    """The descriptor, if this CPL and RPL may know of it; 0 otherwise (its type bits are never all clear)."""
    if not selector & 0xFFFC:
        return 0
    address = descriptor_address(v, selector)
    if address < 0:
        return 0
    raw = v.mem.read_system(address, 8)
    hi = raw >> 32
    if not hi & NONSYSTEM and hi >> 8 & 0xF not in system_types:
        return 0
    if hi & (NONSYSTEM | CODE | CONFORMING) != NONSYSTEM | CODE | CONFORMING:
        dpl = hi >> 13 & 3
        if v.cpl > dpl or selector & 3 > dpl:
            return 0
    return raw


def _answer(v: Processor, insn: Insn, yes: bool) -> None:
    flags = v.eflags
    v.eflags = flags | ZF if yes else flags & ~ZF
    v.advance(insn)


@effect("lar")
def lar(v: Processor, insn: Insn) -> None:
    """Load the access rights of a segment or gate (SDM vol. 2A, LAR, table 3-53)."""
    raw = _visible(v, read_rm(v, insn, 2), _HAVE_RIGHTS)
    if raw:
        set_register(v, insn.reg, insn.operand_size >> 3, raw >> 32 & _RIGHTS_MASK)
    _answer(v, insn, bool(raw))


@effect("lsl")
def lsl(v: Processor, insn: Insn) -> None:
    """Load the limit of a segment, in bytes (SDM vol. 2A, LSL, table 3-56)."""
    raw = _visible(v, read_rm(v, insn, 2), _HAVE_LIMIT)
    if raw:
        hi = raw >> 32
        limit = raw & 0xFFFF | hi & 0xF_0000
        if hi & GRANULAR:
            limit = limit << 12 | 0xFFF
        set_register(v, insn.reg, insn.operand_size >> 3, limit)
    _answer(v, insn, bool(raw))


@effect("verr")
def verr(v: Processor, insn: Insn) -> None:
    """Could this segment be read from here (SDM vol. 2B, VERR)?"""
    hi = _visible(v, read_rm(v, insn, 2), _NONE) >> 32
    _answer(v, insn, bool(hi) and hi & (CODE | READABLE) != CODE)


@effect("verw")
def verw(v: Processor, insn: Insn) -> None:
    """Could this segment be written from here?"""
    hi = _visible(v, read_rm(v, insn, 2), _NONE) >> 32
    _answer(v, insn, hi & (CODE | WRITABLE) == WRITABLE)


@effect("arpl")
def arpl(v: Processor, insn: Insn) -> None:
    """Raise the RPL of a selector to that of another; memory is written only when it changes."""
    wanted = v.regs[insn.reg] & 3
    at = linear(v, insn, 2, write=True) if insn.is_memory else -1
    selector = v.mem.read(at, 2) if at >= 0 else v.regs[insn.rm] & 0xFFFF
    raised = selector & 3 < wanted
    if raised:
        selector = selector & ~3 | wanted
        if at >= 0:
            v.mem.write(at, 2, selector)
        else:
            set_register(v, insn.rm, 2, selector)
    _answer(v, insn, raised)
