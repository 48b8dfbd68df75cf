# SPDX-License-Identifier: GPL-2.0-or-later
"""in out ins outs: ports under IOPL and the TSS bitmap (SDM vol. 1, section 19.5; vol. 2A, IN, INS)."""

from collections.abc import Callable

from patcher.x86.descriptors import TSS32, TSS32_BUSY
from patcher.x86.exceptions import GP, GuestFault
from patcher.x86.flags import DF, TF
from patcher.x86.insn import DS, ES, Insn
from vmm.effects.registry import effect
from vmm.processor import Processor
from vmm.segmentation import MASK32, TR, check_access, is_flat

CHUNK = 4096
"""Iterations of a repeated instruction in one exit; then it is met again, as after an interrupt."""

EAX, ECX, EDX, ESI, EDI = 0, 1, 2, 6, 7
_MASKS = {1: 0xFF, 2: 0xFFFF, 4: MASK32}
_BITMAP_BASE = 0x66


def check_ports(v: Processor, port: int, size: int) -> None:
    """#GP(0) unless this ring may touch `size` ports from `port` on."""
    cpl = v.cpl
    if not cpl or cpl <= (v.eflags >> 12 & 3):
        return
    tr = v.segment(TR)
    if tr.flags >> 8 & 0x1F not in (TSS32, TSS32_BUSY) or tr.limit < _BITMAP_BASE + 1:
        raise GuestFault(GP, 0)
    at = v.mem.read_system(tr.base + _BITMAP_BASE & MASK32, 2) + (port >> 3)
    if at + 1 > tr.limit:
        raise GuestFault(GP, 0)
    bits = v.mem.read_system(tr.base + at & MASK32, 2) >> (port & 7)
    if bits & (1 << size) - 1:
        raise GuestFault(GP, 0)


def _size(insn: Insn) -> int:
    return insn.operand_size >> 3 if insn.opcode & 1 else 1


def _port(v: Processor, insn: Insn, size: int) -> int:
    port: int = insn.imm if insn.opcode < 0xE8 else v.regs[EDX] & 0xFFFF
    if v.cpl:
        check_ports(v, port, size)
    return port


@effect("in")
def port_in(v: Processor, insn: Insn) -> None:
    """Read a port into AL, AX or EAX."""
    size = _size(insn)
    value = v.bus.read(_port(v, insn, size), size)
    if size == 4:
        v.regs[EAX] = value
    else:
        mask = _MASKS[size]
        v.regs[EAX] = v.regs[EAX] & ~mask | value & mask
    v.advance(insn)


@effect("out")
def port_out(v: Processor, insn: Insn) -> None:
    """Write AL, AX or EAX to a port."""
    size = _size(insn)
    v.bus.write(_port(v, insn, size), size, v.regs[EAX] & _MASKS[size])
    v.advance(insn)


@effect("ins")
def string_in(v: Processor, insn: Insn) -> None:
    """Read a port into ES:(E)DI, once or (E)CX times; the port is read only when the store can succeed."""
    size, port = _size(insn), v.regs[EDX] & 0xFFFF

    def step(at: int) -> None:
        v.mem.probe(at, size, True, v.cpl)
        v.mem.write(at, size, v.bus.read(port, size))

    _repeat(v, insn, size, ES, EDI, step, write=True)


@effect("outs")
def string_out(v: Processor, insn: Insn) -> None:
    """Write DS:(E)SI, or another segment by prefix, to a port."""
    size, port = _size(insn), v.regs[EDX] & 0xFFFF

    def step(at: int) -> None:
        v.bus.write(port, size, v.mem.read(at, size))

    _repeat(v, insn, size, DS if insn.segment is None else insn.segment, ESI, step, write=False)


def _repeat(
    v: Processor, insn: Insn, size: int, register: int, pointer: int, step: Callable[[int], None], write: bool
) -> None:
    """Run `step` on each element, keeping the pointer and the count exact if one of them faults."""
    regs = v.regs
    mask = MASK32 if insn.address_size == 32 else 0xFFFF
    flags = v.eflags
    stride = -size if flags & DF else size
    count = regs[ECX] & mask if insn.rep else 1
    todo = min(count, 1 if flags & TF else CHUNK)
    if todo:
        check_ports(v, regs[EDX] & 0xFFFF, size)
    segment = v.segment(register)
    base, offset, flat, done = segment.base, regs[pointer] & mask, is_flat(segment), 0
    try:
        while done < todo:
            if not flat:
                check_access(register, segment, offset, size, write)
            step(base + offset & MASK32)
            offset = offset + stride & mask
            done += 1
    finally:
        regs[pointer] = regs[pointer] & ~mask | offset
        if insn.rep:
            regs[ECX] = regs[ECX] & ~mask | count - done
    if done == count:
        v.advance(insn)
