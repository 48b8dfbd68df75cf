# SPDX-License-Identifier: GPL-2.0-or-later
"""mov, push and pop of segment registers, and lds les lfs lgs lss (SDM vol. 2B, MOV, POP; 2A, LDS)."""

from patcher.x86.exceptions import UD, GuestFault
from patcher.x86.insn import CS, DS, ES, FS, GS, SS, Insn
from vmm.effects.operand import linear, memory_only, read_rm, set_register, store_selector
from vmm.effects.registry import effect
from vmm.processor import Processor
from vmm.segmentation import MASK32, data_segment, stack_segment
from vmm.stack import drop, peek, push

_PUSHED = {(0, 0x06): ES, (0, 0x0E): CS, (0, 0x16): SS, (0, 0x1E): DS, (1, 0xA0): FS, (1, 0xA8): GS}
_POPPED = {(0, 0x07): ES, (0, 0x17): SS, (0, 0x1F): DS, (1, 0xA1): FS, (1, 0xA9): GS}
_FAR_LOADS = {(0, 0xC4): ES, (0, 0xC5): DS, (1, 0xB2): SS, (1, 0xB4): FS, (1, 0xB5): GS}


def load_register(v: Processor, register: int, selector: int) -> None:
    """Load a data or stack segment register with every check of protected mode."""
    if register == SS:
        v.load_segment(SS, stack_segment(v, selector, v.cpl))
    else:
        v.load_segment(register, data_segment(v, selector))


@effect("mov r/m,sreg")
def mov_from_segment(v: Processor, insn: Insn) -> None:
    """Store a selector: 16 bits to memory, zero-extended to a 32-bit register."""
    register = insn.reg
    if register > GS:
        raise GuestFault(UD)
    store_selector(v, insn, v.selector(register))
    v.advance(insn)


@effect("mov sreg,r/m")
def mov_to_segment(v: Processor, insn: Insn) -> None:
    """Load a segment register; after SS no interrupt is taken until the next instruction has run."""
    register = insn.reg
    if register == CS or register > GS:
        raise GuestFault(UD)
    load_register(v, register, read_rm(v, insn, 2))
    if register == SS:
        v.shadow = True
    v.advance(insn)


@effect("push sreg")
def push_segment(v: Processor, insn: Insn) -> None:
    """Push a selector, zero-extended to the operand size."""
    push(v, insn.operand_size >> 3, v.selector(_PUSHED[insn.opmap, insn.opcode]))
    v.advance(insn)


@effect("pop sreg")
def pop_segment(v: Processor, insn: Insn) -> None:
    """Pop the operand size and load its low 16 bits; ESP moves only when the load has succeeded."""
    register, size = _POPPED[insn.opmap, insn.opcode], insn.operand_size >> 3
    selector = peek(v, size) & 0xFFFF
    if register == SS:
        segment = stack_segment(v, selector, v.cpl)
        drop(v, size)  # by the size of the old stack segment
        v.load_segment(SS, segment)
        v.shadow = True
    else:
        v.load_segment(register, data_segment(v, selector))
        drop(v, size)
    v.advance(insn)


@effect("lds", "les", "lfs", "lgs", "lss")
def load_far_pointer(v: Processor, insn: Insn) -> None:
    """Load a segment register and a general register from memory: offset first, selector above it."""
    memory_only(insn)
    size = insn.operand_size >> 3
    at = linear(v, insn, size + 2)
    offset = v.mem.read(at, size)
    load_register(v, _FAR_LOADS[insn.opmap, insn.opcode], v.mem.read(at + size & MASK32, 2))
    set_register(v, insn.reg, size, offset)
    v.advance(insn)
