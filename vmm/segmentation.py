# SPDX-License-Identifier: GPL-2.0-or-later
"""Descriptor tables and the checks of a segment load (SDM vol. 3A, chapters 3 and 5).

A descriptor travels as one 64-bit number `raw`, and its high double word as `hi`: these run on every segment
load and every event. Faults carry the selector without its RPL, plus `ext` (1 while an event is delivered).
"""

from typing import Final

from patcher.x86.descriptors import (
    ACCESSED,
    BIG,
    CODE,
    CONFORMING,
    EXPAND_DOWN,
    NONSYSTEM,
    PRESENT,
    READABLE,
    WRITABLE,
    segment_of,
)
from patcher.x86.exceptions import GP, NP, SS, GuestFault
from patcher.x86.segment import Segment
from vmm.processor import Processor

ES_INDEX, CS_INDEX, SS_INDEX, DS_INDEX, FS_INDEX, GS_INDEX, LDTR, TR = range(8)
MASK32: Final = 0xFFFF_FFFF


def selector_fault(vector: int, selector: int, ext: int = 0) -> GuestFault:
    """A fault whose error code names a selector (SDM vol. 3A, section 6.13)."""
    return GuestFault(vector, selector & 0xFFFC | ext)


def descriptor_address(v: Processor, selector: int) -> int:
    """Linear address of the selector's descriptor, -1 where the table does not reach."""
    offset = selector & 0xFFF8
    if selector & 4:
        ldt = v.segment(LDTR)
        if not ldt.flags & PRESENT or offset + 7 > ldt.limit:
            return -1
        return (ldt.base + offset) & MASK32
    gdtr = v.gdtr
    if offset + 7 > gdtr.limit:
        return -1
    return (gdtr.base + offset) & MASK32


def read_descriptor(v: Processor, selector: int, vector: int = GP, ext: int = 0) -> int:
    """The selector's descriptor; `vector` where the table does not reach."""
    gdtr = v.gdtr
    if not selector & 4 and (selector | 7) <= gdtr.limit:  # nearly always: not worth a call
        return v.mem.read_system(gdtr.base + (selector & 0xFFF8) & MASK32, 8)
    address = descriptor_address(v, selector)
    if address < 0:
        raise selector_fault(vector, selector, ext)
    return v.mem.read_system(address, 8)


def mark_accessed(v: Processor, selector: int, raw: int) -> int:
    """Set the accessed bit in the table if it is clear; the descriptor with the bit set."""
    if raw >> 32 & ACCESSED:
        return raw
    v.mem.write_system(descriptor_address(v, selector) + 5 & MASK32, 1, raw >> 40 & 0xFF | 1)
    return raw | ACCESSED << 32


def set_busy(v: Processor, selector: int, busy: bool) -> None:
    """Set or clear the busy bit of a TSS descriptor in the GDT."""
    address = v.gdtr.base + (selector & 0xFFF8) + 5 & MASK32
    access = v.mem.read_system(address, 1)
    v.mem.write_system(address, 1, access | 2 if busy else access & ~2)


# --- data and stack segments


def data_segment(v: Processor, selector: int) -> Segment:
    """Check a load of DS, ES, FS or GS (SDM vol. 2B, MOV); the accessed bit is set in the table."""
    if not selector & 0xFFFC:
        return Segment(selector, 0, 0, 0)
    raw = read_descriptor(v, selector)
    check_data(selector, raw >> 32, v.cpl)
    return segment_of(selector, mark_accessed(v, selector, raw))


def check_data(selector: int, hi: int, cpl: int, vector: int = GP, ext: int = 0) -> None:
    """A data or readable code segment, privileged enough unless conforming, and present."""
    if not hi & NONSYSTEM or hi & (CODE | READABLE) == CODE:
        raise selector_fault(vector, selector, ext)
    if hi & (CODE | CONFORMING) != CODE | CONFORMING:
        dpl = hi >> 13 & 3
        if selector & 3 > dpl or cpl > dpl:
            raise selector_fault(vector, selector, ext)
    if not hi & PRESENT:
        raise selector_fault(NP, selector, ext)


def stack_segment(v: Processor, selector: int, cpl: int, vector: int = GP, ext: int = 0) -> Segment:
    """What to load into SS for ring `cpl`, all checked: null, table, type, DPL and RPL, present."""
    if not selector & 0xFFFC:
        raise GuestFault(vector, ext)
    raw = read_descriptor(v, selector, vector, ext)
    check_stack(selector, raw >> 32, cpl, vector, ext)
    return segment_of(selector, mark_accessed(v, selector, raw))


def check_stack(selector: int, hi: int, cpl: int, vector: int = GP, ext: int = 0) -> None:
    """A writable data segment whose DPL and selector RPL are both `cpl`, and present."""
    writable = hi & (NONSYSTEM | CODE | WRITABLE) == NONSYSTEM | WRITABLE
    if not writable or selector & 3 != cpl or hi >> 13 & 3 != cpl:
        raise selector_fault(vector, selector, ext)
    if not hi & PRESENT:
        raise selector_fault(SS, selector, ext)


# --- code segments


def check_code_entry(selector: int, hi: int, cpl: int, rpl: int) -> None:
    """A direct far jump or call: conforming from the same or an outer ring, others from their own only."""
    if hi & (NONSYSTEM | CODE) != NONSYSTEM | CODE:
        raise selector_fault(GP, selector)
    dpl = hi >> 13 & 3
    if dpl > cpl if hi & CONFORMING else dpl != cpl or rpl > cpl:
        raise selector_fault(GP, selector)
    if not hi & PRESENT:
        raise selector_fault(NP, selector)


def return_descriptor(v: Processor, selector: int) -> int:
    """Check the code selector that retf or iret popped (SDM vol. 2B, RET; 2A, IRET); its descriptor."""
    if not selector & 0xFFFC:
        raise GuestFault(GP, 0)
    raw = read_descriptor(v, selector)
    hi, rpl = raw >> 32, selector & 3
    if hi & (NONSYSTEM | CODE) != NONSYSTEM | CODE or rpl < v.cpl:
        raise selector_fault(GP, selector)
    dpl = hi >> 13 & 3
    if dpl > rpl if hi & CONFORMING else dpl != rpl:
        raise selector_fault(GP, selector)
    if not hi & PRESENT:
        raise selector_fault(NP, selector)
    return raw


def code_segment(v: Processor, selector: int, raw: int, eip: int, ext: int = 0) -> Segment:
    """What to load into CS, with `eip` checked against its limit; the accessed bit is set in the table."""
    segment = segment_of(selector, raw)
    if eip > segment.limit:
        raise GuestFault(GP, ext)
    if not segment.flags & ACCESSED:
        return segment_of(selector, mark_accessed(v, selector, raw))
    return segment


def load_code(v: Processor, segment: Segment) -> None:
    """Load CS, unless it holds just that: most events and returns stay in one segment, and a look is cheaper."""
    if v.segment(CS_INDEX) != segment:
        v.load_segment(CS_INDEX, segment)


# --- limits


def within(segment: Segment, offset: int, size: int) -> bool:
    """Do `size` bytes at `offset` lie inside the segment (SDM vol. 3A, section 5.3)?"""
    last = offset + size - 1
    if segment.flags & (CODE | EXPAND_DOWN) == EXPAND_DOWN:
        return offset > segment.limit and last <= (MASK32 if segment.flags & BIG else 0xFFFF)
    return last <= segment.limit


def check_access(index: int, segment: Segment, offset: int, size: int, write: bool) -> None:
    """What a data access through segment register `index` is checked for: usable, type, limit."""
    flags = segment.flags
    allowed = not flags & CODE and flags & WRITABLE if write else flags & (CODE | READABLE) != CODE
    if not flags & PRESENT or not allowed or not within(segment, offset, size):
        raise GuestFault(SS if index == SS_INDEX else GP, 0)


def is_flat(segment: Segment) -> bool:
    """A writable 4 GiB expand-up data segment: no access through it can violate anything."""
    return segment.limit == MASK32 and segment.flags & 0x9E00 == 0x9200
