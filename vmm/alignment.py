# SPDX-License-Identifier: GPL-2.0-or-later
"""Alignment checks of instructions that run on the engine, which makes none (SDM vol. 3A, section 6.15, interrupt 17).

While ring 3 runs with CR0.AM and EFLAGS.AC set, the loop has every instruction run alone and asks here before it does.
The accesses are listed in the order in which the processor makes them; of an implicit one the element at which it
starts is enough, because the next ones are whole elements away.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from patcher.alignment import SSE, divisor, is_float, is_sse
from patcher.x86.descriptors import BIG
from patcher.x86.exceptions import AC, GP, GuestFault
from patcher.x86.insn import DS, ES, SS, Insn
from patcher.x86.sse import uses_mmx
from patcher.x86.x87 import is_x87, waits
from vmm.effects.operand import effective
from vmm.processor import Processor
from vmm.segmentation import MASK32
from vmm.stack import ESP

ECX, EBP, ESI, EDI = 1, 5, 6, 7
CR0_EM_TS, CR4_OSFXSR = 0xC, 1 << 9


class Access(NamedTuple):
    """An access at `offset` in a segment register's segment; its linear address must be divisible by `divisor`."""

    segment: int
    offset: int
    divisor: int
    write: bool = False


def check(v: Processor, insn: Insn) -> None:
    """Raise what the first misaligned access of `insn` raises: #AC(0), #GP(0), or the #PF of an access before it."""
    if is_float(insn) and _unavailable(v, insn):
        return
    before: list[tuple[int, Access]] = []
    for access in accesses(v, insn):
        linear = v.segment(access.segment).base + access.offset & MASK32
        if linear & access.divisor - 1:
            for at, earlier in before:
                v.mem.probe(at, earlier.divisor, earlier.write, v.cpl)
            raise GuestFault(GP if access.divisor == SSE else AC, 0)
        before.append((linear, access))


def _unavailable(v: Processor, insn: Insn) -> bool:
    """Is it #NM, #UD or, because of an error that waits, #MF before it looks at its operand?"""
    if v.cr0 & CR0_EM_TS or (is_sse(insn) and not v.cr4 & CR4_OSFXSR):
        return True
    return v.floats.pending and (waits(insn) if is_x87(insn) else uses_mmx(insn))


def accesses(v: Processor, insn: Insn) -> list[Access]:
    """What `insn` accesses, in order. A read that is written back is one access."""
    implicit = _IMPLICIT.get((insn.opmap, insn.opcode))
    if implicit is not None:
        return implicit(v, insn)
    found = []
    unit = divisor(insn)
    if unit > 1:
        found.append(Access(insn.data_segment, effective(v, insn), unit))
        if insn.opcode == 0xFF and insn.opmap == 0 and insn.reg in (2, 6):  # call and push
            found += _push(v, insn)
    elif insn.opcode == 0xFF and insn.opmap == 0 and insn.reg == 2:
        found += _push(v, insn)
    return found


def _size(insn: Insn) -> int:
    return insn.operand_size >> 3


def _stack(v: Processor, insn: Insn, pointer: int, write: bool = False) -> Access:
    mask = MASK32 if v.segment(SS).flags & BIG else 0xFFFF
    return Access(SS, pointer & mask, _size(insn), write)


def _push(v: Processor, insn: Insn) -> list[Access]:
    return [_stack(v, insn, v.regs[ESP] - _size(insn), True)]


def _pop(v: Processor, insn: Insn) -> list[Access]:
    return [_stack(v, insn, v.regs[ESP])]


def _pop_memory(v: Processor, insn: Insn) -> list[Access]:
    """The address of the destination is computed after ESP has moved (SDM vol. 2B, POP)."""
    if not insn.is_memory:
        return _pop(v, insn)
    moved = _size(insn) if insn.base == ESP else 0
    return [*_pop(v, insn), Access(insn.data_segment, effective(v, insn) + moved & MASK32, _size(insn), True)]


def _enter(v: Processor, insn: Insn) -> list[Access]:
    """EBP is pushed; then, above level 1, the frame pointers below EBP are read and pushed."""
    frames = [_stack(v, insn, v.regs[EBP] - _size(insn))] if insn.imm2 & 0x1F > 1 else []
    return _push(v, insn) + frames


def _leave(v: Processor, insn: Insn) -> list[Access]:
    return [_stack(v, insn, v.regs[EBP])]


def _source(v: Processor, insn: Insn) -> Access:
    return Access(DS if insn.segment is None else insn.segment, _index(v, insn, ESI), _element(insn))


def _destination(v: Processor, insn: Insn, write: bool) -> Access:
    return Access(ES, _index(v, insn, EDI), _element(insn), write)


def _index(v: Processor, insn: Insn, register: int) -> int:
    return v.regs[register] & (MASK32 if insn.address_size == 32 else 0xFFFF)


def _element(insn: Insn) -> int:
    return _size(insn) if insn.opcode & 1 else 1


def _string(*which: str) -> Callable[[Processor, Insn], list[Access]]:
    """A string instruction: one iteration, or nothing when none is left. It is met again for the next one."""

    def listed(v: Processor, insn: Insn) -> list[Access]:
        if insn.rep and not _index(v, insn, ECX):
            return []
        return [
            _source(v, insn) if what == "source" else _destination(v, insn, what == "written") for what in which
        ]

    return listed


def _masked(v: Processor, insn: Insn) -> list[Access]:
    """maskmovq and maskmovdqu write to DS:(E)DI; like the other moves that may be unaligned, by quadwords."""
    return [Access(DS if insn.segment is None else insn.segment, _index(v, insn, EDI), 8, True)]


_IMPLICIT: Final[dict[tuple[int, int], Callable[[Processor, Insn], list[Access]]]] = {
    **dict.fromkeys([(0, op) for op in (*range(0x50, 0x58), 0x60, 0x68, 0x6A, 0xE8)], _push),
    **dict.fromkeys([(0, op) for op in (*range(0x58, 0x60), 0x61, 0xC2, 0xC3)], _pop),
    (0, 0x8F): _pop_memory,
    (0, 0xC8): _enter,
    (0, 0xC9): _leave,
    **dict.fromkeys([(0, 0xA4), (0, 0xA5)], _string("source", "written")),
    **dict.fromkeys([(0, 0xA6), (0, 0xA7)], _string("source", "read")),
    **dict.fromkeys([(0, 0xAA), (0, 0xAB)], _string("written")),
    **dict.fromkeys([(0, 0xAC), (0, 0xAD)], _string("source")),
    **dict.fromkeys([(0, 0xAE), (0, 0xAF)], _string("read")),
    (1, 0xF7): _masked,
}
