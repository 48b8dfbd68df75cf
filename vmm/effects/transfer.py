# SPDX-License-Identifier: GPL-2.0-or-later
"""Far jmp and call, direct and through memory (SDM vol. 2A, CALL, JMP): code segments, call gates, tasks."""

from patcher.x86.descriptors import CALL16, CALL32, NONSYSTEM, PRESENT, TASK_GATE, TSS16, TSS32
from patcher.x86.exceptions import GP, NP, GuestFault
from patcher.x86.insn import Insn
from vmm.effects.call_gate import call_gate, jump_gate
from vmm.effects.operand import linear, memory_only
from vmm.effects.registry import effect
from vmm.processor import Processor
from vmm.segmentation import (
    CS_INDEX,
    MASK32,
    SS_INDEX,
    check_code_entry,
    code_segment,
    read_descriptor,
    selector_fault,
)
from vmm.stack import ESP, check_room, push_frame
from vmm.task_switch import Cause, debug_trap, switch_task, tss_descriptor


def next_eip(v: Processor, insn: Insn) -> int:
    """Where the instruction after this one begins."""
    return v.eip + len(insn.raw) & (MASK32 if insn.bits == 32 else 0xFFFF)


def _target(v: Processor, insn: Insn) -> tuple[int, int]:
    """Selector and offset, from the instruction or from memory (FF /3, FF /5)."""
    if insn.opcode != 0xFF:
        return insn.imm2, insn.imm
    memory_only(insn)
    size = insn.operand_size >> 3
    at = linear(v, insn, size + 2)
    offset = v.mem.read(at, size)
    return v.mem.read(at + size & MASK32, 2), offset


def _descriptor(v: Processor, selector: int) -> int:
    if not selector & 0xFFFC:
        raise GuestFault(GP, 0)
    return read_descriptor(v, selector)


@effect("jmp far")
def jump_far(v: Processor, insn: Insn) -> None:
    """Jump to a code segment of this ring, or through a gate, or to another task."""
    selector, offset = _target(v, insn)
    raw = _descriptor(v, selector)
    hi = raw >> 32
    if not hi & NONSYSTEM:
        _system_target(v, insn, selector, raw, Cause.JUMP)
        return
    cpl = v.cpl
    check_code_entry(selector, hi, cpl, selector & 3)
    v.load_segment(CS_INDEX, code_segment(v, selector & ~3 | cpl, raw, offset))
    v.eip = offset


@effect("call far")
def call_far(v: Processor, insn: Insn) -> None:
    """As the jump, with CS and EIP pushed in the operand size."""
    selector, offset = _target(v, insn)
    raw = _descriptor(v, selector)
    hi = raw >> 32
    if not hi & NONSYSTEM:
        _system_target(v, insn, selector, raw, Cause.CALL)
        return
    cpl, size = v.cpl, insn.operand_size >> 3
    check_code_entry(selector, hi, cpl, selector & 3)
    ss, regs = v.segment(SS_INDEX), v.regs
    check_room(ss, regs[ESP], 2, size, 0)
    cs = code_segment(v, selector & ~3 | cpl, raw, offset)
    frame = (v.selector(CS_INDEX), next_eip(v, insn))
    regs[ESP] = push_frame(v, ss, regs[ESP], size, frame, cpl)
    v.load_segment(CS_INDEX, cs)
    v.eip = offset


def _system_target(v: Processor, insn: Insn, selector: int, raw: int, cause: Cause) -> None:
    """The selector names a gate or a TSS, which must be open to both CPL and RPL."""
    hi = raw >> 32
    kind, dpl = hi >> 8 & 0xF, hi >> 13 & 3
    if kind not in (CALL16, CALL32, TASK_GATE, TSS16, TSS32) or dpl < v.cpl or dpl < selector & 3:
        raise selector_fault(GP, selector)
    if not hi & PRESENT:
        raise selector_fault(NP, selector)
    if kind not in (CALL16, CALL32):
        _task(v, insn, raw >> 16 & 0xFFFF if kind == TASK_GATE else selector, cause)
    elif cause is Cause.CALL:
        call_gate(v, raw, next_eip(v, insn))
    else:
        jump_gate(v, raw)


def _task(v: Processor, insn: Insn, selector: int, cause: Cause) -> None:
    raw = tss_descriptor(v, selector)
    debug_trap(v, switch_task(v, selector, raw, cause, next_eip(v, insn), v.eflags))
