# SPDX-License-Identifier: GPL-2.0-or-later
"""retf iret: to this ring, an outer one, or the task in the back link (SDM vol. 2B, RET; 2A, IRET)."""

from patcher.x86.descriptors import BIG, CODE, CONFORMING, NONSYSTEM
from patcher.x86.exceptions import TS
from patcher.x86.flags import NT, VM
from patcher.x86.insn import CS, DS, ES, FS, GS, SS, Insn
from patcher.x86.segment import Segment
from vmm.effects.registry import effect
from vmm.effects.transfer import next_eip
from vmm.errors import Unsupported
from vmm.flag_image import load_image
from vmm.processor import Processor
from vmm.segmentation import MASK32, TR, code_segment, load_code, return_descriptor, stack_segment
from vmm.stack import ESP, moved, peek, peek_frame
from vmm.task_switch import Cause, debug_trap, switch_task, tss_descriptor

_NULL = Segment(0, 0, 0, 0)


@effect("retf")
def return_far(v: Processor, insn: Insn) -> None:
    """Pop EIP and CS in the operand size, and release parameters (on both stacks when the ring changes)."""
    size, release = insn.operand_size >> 3, insn.imm  # CB has no immediate: 0
    ss = v.segment(SS)
    eip, selector = peek_frame(v, ss, size, 2)
    selector &= 0xFFFF
    raw = return_descriptor(v, selector)
    if selector & 3 != v.cpl:
        _to_outer(v, size, 2 * size + release, selector, raw, eip, release, None)
        return
    v.load_segment(CS, code_segment(v, selector, raw, eip))
    v.regs[ESP] = moved(ss, v.regs[ESP], 2 * size + release)
    v.eip = eip


@effect("iret")
def interrupt_return(v: Processor, insn: Insn) -> None:
    """Pop EIP, CS and EFLAGS in the operand size; with NT set, return to the previous task instead."""
    flags = v.eflags
    if flags & NT:
        _to_previous_task(v, insn)
        return
    size = insn.operand_size >> 3
    ss = v.segment(SS)
    eip, selector, image = peek_frame(v, ss, size, 3)
    cpl = v.cpl
    if image & VM and size == 4 and not cpl:
        raise Unsupported("virtual-8086 mode (iret with VM set)", v.eip)
    selector &= 0xFFFF
    raw = return_descriptor(v, selector)
    if selector & 3 != cpl:
        _to_outer(v, size, 3 * size, selector, raw, eip, 0, image)
        return
    load_code(v, code_segment(v, selector, raw, eip))
    v.regs[ESP] = moved(ss, v.regs[ESP], 3 * size)
    v.eip = eip
    load_image(v, image, size, flags)


def _to_outer(
    v: Processor, size: int, depth: int, selector: int, raw: int, eip: int, release: int, image: int | None
) -> None:
    """RETURN-TO-OUTER-PRIVILEGE-LEVEL: SS and ESP lie `depth` bytes up; only iret has an EFLAGS `image`."""
    ring = selector & 3
    esp = peek(v, size, depth)
    ss = stack_segment(v, peek(v, size, depth + size) & 0xFFFF, ring)
    cs = code_segment(v, selector, raw, eip)
    if image is not None:
        load_image(v, image, size, v.eflags)  # judged by the inner ring
    v.set_cpl(ring)
    v.load_segment(SS, ss)
    v.load_segment(CS, cs)
    v.regs[ESP] = moved(ss, esp if ss.flags & BIG else v.regs[ESP] & ~0xFFFF | esp & 0xFFFF, release)
    v.eip = eip
    _null_inner_segments(v, ring)


def _null_inner_segments(v: Processor, ring: int) -> None:
    """Data segments more privileged than the ring returned to become null (SDM vol. 3A, section 5.8.6)."""
    for register in (ES, DS, FS, GS):
        flags = v.segment(register).flags
        conforming = flags & (CODE | CONFORMING) == CODE | CONFORMING
        if flags & NONSYSTEM and not conforming and flags >> 13 & 3 < ring:
            v.load_segment(register, _NULL)


def _to_previous_task(v: Processor, insn: Insn) -> None:
    """TASK-RETURN: to the TSS in the back link, which must be busy."""
    link = v.mem.read_system(v.segment(TR).base & MASK32, 2)
    raw = tss_descriptor(v, link, TS, busy=True)
    debug_trap(v, switch_task(v, link, raw, Cause.RETURN, next_eip(v, insn), v.eflags))
