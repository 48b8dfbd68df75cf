# SPDX-License-Identifier: GPL-2.0-or-later
"""sgdt sidt sldt str smsw, lgdt lidt lldt ltr lmsw clts: the system-table registers and CR0's low word."""

from patcher.x86.descriptors import BUSY, LDT, PRESENT, TSS16, TSS32, segment_of
from patcher.x86.exceptions import GP, NP, GuestFault
from patcher.x86.insn import Insn
from patcher.x86.segment import Segment, TableRegister
from vmm.effects.operand import linear, memory_only, read_rm, set_register, store_selector
from vmm.effects.registry import effect
from vmm.processor import Processor
from vmm.segmentation import LDTR, TR, read_descriptor, selector_fault, set_busy

TS = 8  # CR0.TS


@effect("sgdt")
def sgdt(v: Processor, insn: Insn) -> None:
    """Store GDTR: 16 bits of limit, 32 of base whatever the operand size (SDM vol. 2B, SGDT)."""
    _store_table(v, insn, v.gdtr)


@effect("sidt")
def sidt(v: Processor, insn: Insn) -> None:
    """Store IDTR."""
    _store_table(v, insn, v.idtr)


def _store_table(v: Processor, insn: Insn, table: TableRegister) -> None:
    memory_only(insn)
    v.mem.write(linear(v, insn, 6, write=True), 6, table.base << 16 | table.limit)
    v.advance(insn)


@effect("sldt")
def sldt(v: Processor, insn: Insn) -> None:
    """Store the selector in LDTR."""
    store_selector(v, insn, v.selector(LDTR))
    v.advance(insn)


@effect("str")
def store_task_register(v: Processor, insn: Insn) -> None:
    """Store the selector in TR."""
    store_selector(v, insn, v.selector(TR))
    v.advance(insn)


@effect("smsw")
def smsw(v: Processor, insn: Insn) -> None:
    """Store CR0: 16 bits to memory, the operand size to a register."""
    if insn.is_memory:
        v.mem.write(linear(v, insn, 2, write=True), 2, v.cr0 & 0xFFFF)
    else:
        set_register(v, insn.rm, insn.operand_size >> 3, v.cr0)
    v.advance(insn)


def _ring_0(v: Processor) -> None:
    if v.cpl:
        raise GuestFault(GP, 0)


@effect("lgdt")
def lgdt(v: Processor, insn: Insn) -> None:
    """Load GDTR."""
    _load_table(v, insn, v.gdtr)


@effect("lidt")
def lidt(v: Processor, insn: Insn) -> None:
    """Load IDTR."""
    _load_table(v, insn, v.idtr)


def _load_table(v: Processor, insn: Insn, table: TableRegister) -> None:
    """16 bits of limit and 32 of base, of which 66 takes only 24 (SDM vol. 2A, LGDT)."""
    memory_only(insn)
    _ring_0(v)
    value = v.mem.read(linear(v, insn, 6), 6)
    table.limit = value & 0xFFFF
    table.base = value >> 16 if insn.operand_size == 32 else value >> 16 & 0xFF_FFFF
    v.advance(insn)


@effect("lldt")
def lldt(v: Processor, insn: Insn) -> None:
    """Load LDTR from the GDT; a null selector leaves no LDT (SDM vol. 2A, LLDT)."""
    _ring_0(v)
    selector = read_rm(v, insn, 2)
    segment = Segment(selector, 0, 0, 0)
    if selector & 0xFFFC:
        segment = segment_of(selector, _system_descriptor(v, selector, (LDT,)))
    v.load_segment(LDTR, segment)
    v.advance(insn)


@effect("ltr")
def ltr(v: Processor, insn: Insn) -> None:
    """Load TR with an available TSS and mark it busy (SDM vol. 2A, LTR)."""
    _ring_0(v)
    selector = read_rm(v, insn, 2)
    if not selector & 0xFFFC:
        raise GuestFault(GP, 0)
    raw = _system_descriptor(v, selector, (TSS16, TSS32))
    set_busy(v, selector, True)
    v.load_segment(TR, segment_of(selector, raw | BUSY << 32))
    v.advance(insn)


def _system_descriptor(v: Processor, selector: int, types: tuple[int, ...]) -> int:
    """A present system descriptor of one of `types`, from the GDT."""
    if selector & 4:
        raise selector_fault(GP, selector)
    raw = read_descriptor(v, selector)
    if raw >> 40 & 0x1F not in types:
        raise selector_fault(GP, selector)
    if not raw >> 32 & PRESENT:
        raise selector_fault(NP, selector)
    return raw


@effect("lmsw")
def lmsw(v: Processor, insn: Insn) -> None:
    """Load PE, MP, EM and TS; PE can be set but not cleared (SDM vol. 2A, LMSW)."""
    _ring_0(v)
    value = read_rm(v, insn, 2)
    v.write_cr0(v.cr0 & ~0xE | value & 0xF)
    v.advance(insn)


@effect("clts")
def clts(v: Processor, insn: Insn) -> None:
    """Clear CR0.TS."""
    _ring_0(v)
    if v.cr0 & TS:
        v.write_cr0(v.cr0 & ~TS)
    v.advance(insn)
