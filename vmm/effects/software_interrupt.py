# SPDX-License-Identifier: GPL-2.0-or-later
"""int n, int3, into, int1, bound: events that the program asks for (SDM vol. 2A, INT n, BOUND)."""

from patcher.x86.exceptions import BP, BR, DB, OF, GuestFault
from patcher.x86.flags import OF as OVERFLOW
from patcher.x86.insn import Insn
from vmm.effects.operand import linear, memory_only
from vmm.effects.registry import effect
from vmm.inject import deliver
from vmm.processor import Processor
from vmm.segmentation import MASK32


@effect("int n")
def software_interrupt(v: Processor, insn: Insn) -> None:
    """Enter the gate of the vector; its DPL must allow this ring."""
    deliver(v, insn.imm, soft=True, insn_length=len(insn.raw))


@effect("int3")
def breakpoint_trap(v: Processor, insn: Insn) -> None:
    """#BP as a software interrupt."""
    deliver(v, BP, soft=True, insn_length=len(insn.raw))


@effect("into")
def into(v: Processor, insn: Insn) -> None:
    """#OF as a software interrupt if OF is set."""
    if v.eflags & OVERFLOW:
        deliver(v, OF, soft=True, insn_length=len(insn.raw))
    else:
        v.advance(insn)


@effect("int1")
def debug_trap(v: Processor, insn: Insn) -> None:
    """#DB whatever the gate's DPL: no software interrupt, but a trap that leaves DR6 alone."""
    deliver(v, DB, insn_length=len(insn.raw))


@effect("bound")
def bound(v: Processor, insn: Insn) -> None:
    """#BR, a fault, unless the signed index lies between the two bounds in memory."""
    memory_only(insn)
    size = insn.operand_size >> 3
    at = linear(v, insn, 2 * size)
    lower, upper = v.mem.read(at, size), v.mem.read(at + size & MASK32, size)
    sign = 1 << 8 * size - 1
    index = v.regs[insn.reg] & 2 * sign - 1
    if not lower ^ sign <= index ^ sign <= upper ^ sign:
        raise GuestFault(BR)
    v.advance(insn)
