# SPDX-License-Identifier: GPL-2.0-or-later
"""The processor's mode along a path: what CR0, EFER and GDTR are known to be.

A code segment's L and D bits tell the size of its code (SDM vol. 3A, 3.4.5 and 5.2.1). Where the GDT is in the
file they are read; else the steps of a mode switch (SDM vol. 3A, 9.9 and 9.8.5) tell what comes next.
"""

import re
from dataclasses import dataclass, replace
from typing import Final

from patcher.follow.lane import MOST_INSNS, Lane
from patcher.follow.segments import descriptor, linear_candidates
from patcher.follow.space import Space
from patcher.follow.state import EAX, State
from patcher.x86.decode import Flow, Truncated, decode, flow
from patcher.x86.insn import Insn

EFER: Final = 0xC0000080
LME: Final = 0x100
_SWITCH: Final = 32
_SWITCHES: Final = re.compile(rb"\x0f\x22[\xc0-\xc7]|\x0f\x01[\xf0-\xf7]")
"""mov cr0 and lmsw of a register."""
PE: Final = 1
PG: Final = 0x80000000


@dataclass(frozen=True, slots=True)
class Processor:
    """What a path made of the processor: None where nothing is known."""

    protected: bool | None = None
    long: bool = False
    paging: bool | None = None
    gdt: int | None = None
    page: int | None = None
    """Where code lies that runs at the start of some page: what another processor starts with, SDM vol. 3A, 9.4.4."""
    narrow: bool = False
    """In a 16-bit segment of protected mode, to which wider code went; no more once CR0 is written."""


START: Final = Processor()


def instruction(lane: Lane, offset: int) -> Insn | None:
    """The instruction at an offset of a lane."""
    insns = lane.seen.insns
    if offset in insns:
        return insns[offset]
    try:
        insn = decode(lane.code, offset, lane.bits)
    except Truncated:
        insn = None
    if len(insns) < MOST_INSNS:
        insns[offset] = insn
    return insn


Recent = list[tuple[int, Insn, bool]]


def _bits_written(recent: Recent, register: int) -> tuple[int, int]:
    """Bits that the last instructions set and cleared in a register, by immediates, since it was loaded."""
    ones = zeros = 0
    for _, insn, _ in recent:
        if _loads(insn, register):
            ones = zeros = 0
            continue
        target = insn.rm if insn.modrm is not None else EAX
        if target != register or insn.is_memory:
            continue
        bits = _change(insn)
        ones, zeros = ones & ~bits[1] | bits[0], zeros & ~bits[0] | bits[1]
    return ones, zeros


def _loads(insn: Insn, register: int) -> bool:
    """Does it replace a register's value: by a control register, an MSR, the machine status word, another register?"""
    if insn.opmap == 1:
        of_control = insn.opcode == 0x20 or (insn.opcode == 0x01 and insn.reg == 4 and not insn.is_memory)
        return (of_control and insn.rm == register) or (insn.opcode == 0x32 and register == EAX)
    if insn.opmap != 0:
        return False
    if insn.opcode & 0xF8 in (0xB8, 0x58):
        return insn.opcode & 7 == register
    written = insn.reg if insn.opcode == 0x8B else insn.rm if not insn.is_memory else None
    return insn.opcode in (0x89, 0x8B) and written == register


def _change(insn: Insn) -> tuple[int, int]:
    """Bits that one instruction sets and clears in its register."""
    width = (1 << insn.operand_size) - 1
    if insn.opmap == 1 and insn.opcode == 0xBA and insn.reg in (5, 6):
        bit = 1 << (insn.imm & 31)
        return (bit, 0) if insn.reg == 5 else (0, bit)
    if insn.opmap != 0:
        return 0, 0
    imm = insn.imm - 256 & 0xFFFFFFFF if insn.opcode == 0x83 and insn.imm & 0x80 else insn.imm
    if insn.opcode in (0x0C, 0x0D) or (insn.opcode in (0x80, 0x81, 0x83) and insn.reg == 1):
        return imm, 0
    if insn.opcode in (0x24, 0x25) or (insn.opcode in (0x80, 0x81, 0x83) and insn.reg == 4):
        low = 0xFF if insn.opcode in (0x24, 0x80) else width
        return 0, ~imm & low
    if insn.opcode & 0xF8 == 0x40 or (insn.opcode == 0xFF and insn.reg == 0):
        return PE, 0
    if insn.opcode & 0xF8 == 0x48 or (insn.opcode == 0xFF and insn.reg == 1):
        return 0, PE
    return 0, 0


def _with_cr0(now: Processor, ones: int, zeros: int) -> Processor:
    protected = True if ones & PE else False if zeros & PE else now.protected
    paging = True if ones & PG else False if zeros & PG else now.paging
    return replace(now, protected=protected, paging=paging)


def after(
    now: Processor, insn: Insn, recent: Recent, state: State, space: Space, lane: Lane, at: int
) -> Processor:
    """The processor behind a privileged instruction; `state` and `recent` are those before it."""
    if insn.opmap != 1:
        return now
    if insn.opcode == 0x22 and insn.reg == 0:
        now = replace(now, narrow=False)
        value = state.regs[insn.rm].known
        if value is not None:
            return _with_cr0(now, value, ~value)
        ones, zeros = _bits_written(recent, insn.rm)
        if not (ones | zeros) & (PE | PG) and lane.bits == 16:
            return replace(now, protected=not now.protected)
        return _with_cr0(now, ones, zeros)
    if insn.opcode == 0x01 and insn.reg == 6:
        return replace(now, protected=True)  # lmsw cannot clear PE
    if insn.opcode == 0x01 and insn.reg == 2 and insn.is_memory:
        return replace(now, gdt=_table(now, state, insn, space, lane, at))
    if insn.opcode == 0x30:
        return _after_wrmsr(now, recent, state)
    return now


def _after_wrmsr(now: Processor, recent: Recent, state: State) -> Processor:
    number, value = state.regs[1].known, state.regs[EAX].known
    if number not in (None, EFER):
        return now
    if value is not None:
        return replace(now, long=bool(value & LME))
    ones, zeros = _bits_written(recent, EAX)
    return replace(now, long=True if ones & LME else False if zeros & LME else now.long)


def _table(now: Processor, state: State, insn: Insn, space: Space, lane: Lane, at: int) -> int | None:
    """The base that lgdt loads, when its operand lies in the file and holds an address in the file."""
    operand = state.address(insn, at).known
    if operand is None:
        return None
    for address in (operand,) if lane.bits != 16 else linear_candidates(lane, operand, now.page):
        limit, base = space.read(address, 2), space.read(address + 2, 8 if lane.bits == 64 else 4)
        if limit is None or base is None or limit & 7 not in (7, 0):
            continue
        for table in (base, base + lane.base) if lane.bits != 64 else (base,):
            if any(descriptor(space, table, selector) for selector in range(8, min(limit, 256), 8)):
                return table
    return None


def starts_protected_mode(code: bytes, offset: int) -> bool:
    """Is this real-mode code that switches to protected mode within a few instructions (SDM vol. 3A, 9.9.1)?"""
    if _SWITCHES.search(code, offset, offset + 128) is None:
        return False
    switched = 0
    for _ in range(_SWITCH):
        try:
            insn = decode(code, offset, 16)
        except Truncated:
            insn = None
        if insn is None:
            return False
        if insn.opmap == 1 and (insn.opcode, insn.reg) in ((0x22, 0), (0x01, 6)):
            switched = 4
        elif insn.opmap == 0 and (insn.opcode == 0xEA or (insn.opcode, insn.reg) == (0xFF, 5)):
            return switched > 0
        elif flow(insn) in (Flow.JUMP, Flow.STOP) and insn.opcode != 0xEB:
            return False
        switched -= 1
        offset += insn.length
    return False
