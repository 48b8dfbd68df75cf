# SPDX-License-Identifier: GPL-2.0-or-later
"""The guest's stack: pushes, peeks, and the stack of an inner ring from the TSS (SDM vol. 3A, section 5.8.5).

Nothing is committed before the last access has succeeded: a frame is written and its ESP returned, a peek
leaves ESP alone. With a 16-bit stack segment only SP moves and addresses wrap at 64 KiB.
"""

from collections.abc import Sequence

from patcher.x86.descriptors import BIG, EXPAND_DOWN, TSS16, TSS16_BUSY, TSS32, TSS32_BUSY
from patcher.x86.exceptions import SS, TS, GuestFault
from patcher.x86.segment import Segment
from vmm.processor import Processor
from vmm.segmentation import MASK32, SS_INDEX, TR, selector_fault, stack_segment, within

ESP = 4


def push(v: Processor, size: int, value: int) -> None:
    """Push one operand of `size` bytes with the current rights."""
    ss, regs = v.segment(SS_INDEX), v.regs
    esp = regs[ESP]
    if ss.flags & BIG:
        sp = new = esp - size & MASK32
    else:
        sp = esp - size & 0xFFFF
        new = esp & 0xFFFF_0000 | sp
    if ss.limit != MASK32 and not within(ss, sp, size):
        raise GuestFault(SS, 0)
    v.mem.write(ss.base + sp & MASK32, size, value)
    regs[ESP] = new


def pop(v: Processor, size: int) -> int:
    """Pop one operand of `size` bytes with the current rights."""
    ss, regs = v.segment(SS_INDEX), v.regs
    esp = regs[ESP]
    if ss.flags & BIG:
        sp, new = esp, esp + size & MASK32
    else:
        sp, new = esp & 0xFFFF, esp & 0xFFFF_0000 | esp + size & 0xFFFF
    if ss.limit != MASK32 and not within(ss, sp, size):
        raise GuestFault(SS, 0)
    value = v.mem.read(ss.base + sp & MASK32, size)
    regs[ESP] = new
    return value


def peek(v: Processor, size: int, depth: int = 0) -> int:
    """Read `size` bytes, `depth` bytes above the top of the stack, with the current rights."""
    ss = v.segment(SS_INDEX)
    sp = v.regs[ESP] + depth & (MASK32 if ss.flags & BIG else 0xFFFF)
    if ss.limit != MASK32 and not within(ss, sp, size):
        raise GuestFault(SS, 0)
    return v.mem.read(ss.base + sp & MASK32, size)


def drop(v: Processor, size: int) -> None:
    """Move the top of the stack up by `size` bytes."""
    v.regs[ESP] = moved(v.segment(SS_INDEX), v.regs[ESP], size)


def moved(ss: Segment, esp: int, by: int) -> int:
    """ESP moved by `by` bytes: all of it, or SP alone when the stack segment is 16-bit."""
    if ss.flags & BIG:
        return esp + by & MASK32
    return esp & 0xFFFF_0000 | esp + by & 0xFFFF


def check_room(ss: Segment, esp: int, count: int, size: int, error_code: int) -> None:
    """#SS(error_code) unless `count` pushes of `size` bytes lie inside the segment."""
    if ss.limit == MASK32 and not ss.flags & EXPAND_DOWN:
        return
    mask = MASK32 if ss.flags & BIG else 0xFFFF
    for i in range(1, count + 1):
        if not within(ss, esp - i * size & mask, size):
            raise GuestFault(SS, error_code)


def push_frame(v: Processor, ss: Segment, esp: int, size: int, values: Sequence[int], cpl: int) -> int:
    """Write `values`, first one highest, on the stack `ss:esp` with the rights of ring `cpl`; the new ESP."""
    mask = MASK32 if ss.flags & BIG else 0xFFFF
    base, sp = ss.base, esp & mask
    if cpl == v.cpl:
        write = v.mem.write
        for value in values:
            sp = sp - size & mask
            write(base + sp & MASK32, size, value)
        return esp & ~mask | sp
    for value in values:
        sp = sp - size & mask
        v.mem.write_as(base + sp & MASK32, size, value, cpl)
    return esp & ~mask | sp


def inner_stack(v: Processor, ring: int, ext: int = 0) -> tuple[Segment, int]:
    """SS and ESP for `ring` from the current TSS, checked (SDM vol. 2A, INT n, INTER-PRIVILEGE-LEVEL)."""
    tr, read = v.segment(TR), v.mem.read_system
    kind = tr.flags >> 8 & 0x1F
    if kind in (TSS32, TSS32_BUSY):
        size, at = 4, ring * 8 + 4
    elif kind in (TSS16, TSS16_BUSY):
        size, at = 2, ring * 4 + 2
    else:
        raise selector_fault(TS, tr.selector, ext)
    if at + size + 1 > tr.limit:
        raise selector_fault(TS, tr.selector, ext)
    esp = read(tr.base + at & MASK32, size)
    selector = read(tr.base + at + size & MASK32, 2)
    return stack_segment(v, selector, ring, TS, ext), esp


def peek_frame(v: Processor, ss: Segment, size: int, count: int) -> list[int]:
    """The topmost `count` operands of `size` bytes, top first, with the current rights; `ss` is SS."""
    if size == 4 and ss.limit == MASK32 and ss.flags & (BIG | EXPAND_DOWN) == BIG:
        top, read = ss.base + v.regs[ESP], v.mem.read
        return [read(top + 4 * i & MASK32, 4) for i in range(count)]
    return [peek(v, size, i) for i in range(0, count * size, size)]
