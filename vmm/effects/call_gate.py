# SPDX-License-Identifier: GPL-2.0-or-later
"""Call gates, 16- and 32-bit, to this ring and to an inner one (SDM vol. 3A, section 5.8; vol. 2A, CALL).

The caller has checked the gate itself: its DPL against CPL and RPL, and its present bit.
"""

from patcher.x86.descriptors import BIG, CODE, CONFORMING, NONSYSTEM, PRESENT
from patcher.x86.exceptions import GP, NP, SS, GuestFault
from vmm.processor import Processor
from vmm.segmentation import CS_INDEX, MASK32, SS_INDEX, code_segment, read_descriptor, selector_fault, within
from vmm.stack import ESP, check_room, inner_stack, push_frame


def _destination(v: Processor, gate: int) -> tuple[int, int, int, int]:
    """Operand size in bytes, code selector, its checked descriptor, and offset."""
    selector = gate >> 16 & 0xFFFF
    if not selector & 0xFFFC:
        raise GuestFault(GP, 0)
    raw = read_descriptor(v, selector)
    hi = raw >> 32
    if hi & (NONSYSTEM | CODE) != NONSYSTEM | CODE or hi >> 13 & 3 > v.cpl:
        raise selector_fault(GP, selector)
    if gate >> 40 & 8:
        return 4, selector, raw, gate >> 32 & 0xFFFF_0000 | gate & 0xFFFF
    return 2, selector, raw, gate & 0xFFFF


def _check_present(selector: int, raw: int) -> None:
    if not raw >> 32 & PRESENT:
        raise selector_fault(NP, selector)


def jump_gate(v: Processor, gate: int) -> None:
    """Jump through a gate: never to another ring."""
    _, selector, raw, offset = _destination(v, gate)
    cpl = v.cpl
    if not raw >> 32 & CONFORMING and raw >> 45 & 3 != cpl:
        raise selector_fault(GP, selector)
    _check_present(selector, raw)
    v.load_segment(CS_INDEX, code_segment(v, selector & ~3 | cpl, raw, offset))
    v.eip = offset


def call_gate(v: Processor, gate: int, return_eip: int) -> None:
    """Call through a gate; to an inner ring on that ring's stack, with the parameters copied over."""
    size, selector, raw, offset = _destination(v, gate)
    _check_present(selector, raw)
    ring = v.cpl if raw >> 32 & CONFORMING else raw >> 45 & 3
    frame = (v.selector(CS_INDEX), return_eip)
    if ring != v.cpl:
        _call_inner(v, size, gate >> 32 & 0x1F, selector & ~3 | ring, raw, offset, frame)
        return
    ss, regs = v.segment(SS_INDEX), v.regs
    check_room(ss, regs[ESP], 2, size, 0)
    cs = code_segment(v, selector & ~3 | ring, raw, offset)
    regs[ESP] = push_frame(v, ss, regs[ESP], size, frame, ring)
    v.load_segment(CS_INDEX, cs)
    v.eip = offset


def _call_inner(
    v: Processor, size: int, count: int, selector: int, raw: int, offset: int, frame: tuple[int, int]
) -> None:
    """MORE-PRIVILEGE of CALL: old SS and ESP, `count` parameters, then the return address."""
    ring = selector & 3
    ss, esp = inner_stack(v, ring)
    check_room(ss, esp, 4 + count, size, ss.selector & 0xFFFC)
    cs = code_segment(v, selector, raw, offset)
    values = [v.selector(SS_INDEX), v.regs[ESP], *_parameters(v, size, count), *frame]
    esp = push_frame(v, ss, esp, size, values, ring)
    v.set_cpl(ring)
    v.load_segment(SS_INDEX, ss)
    v.load_segment(CS_INDEX, cs)
    v.regs[ESP] = esp
    v.eip = offset


def _parameters(v: Processor, size: int, count: int) -> list[int]:
    """The topmost `count` operands of the caller's stack, in the order in which they were pushed."""
    ss, esp = v.segment(SS_INDEX), v.regs[ESP]
    mask = MASK32 if ss.flags & BIG else 0xFFFF
    values = []
    for i in reversed(range(count)):
        sp = esp + i * size & mask
        if not within(ss, sp, size):
            raise GuestFault(SS, 0)
        values.append(v.mem.read(ss.base + sp & MASK32, size))
    return values
