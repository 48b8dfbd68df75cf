# SPDX-License-Identifier: GPL-2.0-or-later
"""pushf popf cli sti clac stac: what each ring may see and change of EFLAGS (SDM vol. 2B, POPF)."""

from patcher.x86.descriptors import BIG
from patcher.x86.exceptions import GP, UD, GuestFault
from patcher.x86.flags import AC, IF, IOPL, RF, VM
from patcher.x86.insn import Insn
from vmm.cpu_model import Feature
from vmm.effects.registry import effect
from vmm.flag_image import ANY_RING, WIDE
from vmm.processor import Processor
from vmm.segmentation import MASK32, SS_INDEX
from vmm.stack import ESP, pop, push

_PUSHED = 0xFFFF_FFFF & ~(VM | RF)
_WRITABLE = tuple(
    tuple(ANY_RING | (0 if cpl else IOPL) | (IF if cpl <= iopl else 0) for iopl in range(4))
    for cpl in range(4)
)
"""By CPL and IOPL: what popf with 16-bit operand size may change; the 32-bit form adds AC and ID."""


@effect("pushf")
def pushf(v: Processor, insn: Insn) -> None:
    """Push EFLAGS, the image without VM and RF; 66 pushes FLAGS."""
    ss = v.segment(SS_INDEX)
    if (
        insn.operand_size == 32 and ss.flags & BIG and ss.limit == MASK32
    ):  # laid straight: kernels do little else
        regs = v.regs
        esp = regs[ESP] - 4 & MASK32
        v.mem.write(ss.base + esp & MASK32, 4, v.eflags & _PUSHED)
        regs[ESP] = esp
    else:
        push(v, insn.operand_size >> 3, v.eflags & _PUSHED)
    v.advance(insn)


@effect("popf")
def popf(v: Processor, insn: Insn) -> None:
    """Pop what this ring may change; IF and IOPL are left alone silently where it may not. RF is cleared."""
    size = insn.operand_size >> 3
    image = pop(v, size)
    flags = v.eflags
    mask = _WRITABLE[v.cpl][flags >> 12 & 3]
    if size == 4:
        mask |= WIDE
    v.eflags = flags & ~(mask | RF) | image & mask
    v.advance(insn)


@effect("cli")
def cli(v: Processor, insn: Insn) -> None:
    """Clear IF; #GP(0) for a ring outside IOPL."""
    flags = v.eflags
    if v.cpl > (flags >> 12 & 3):
        raise GuestFault(GP, 0)
    v.eflags = flags & ~IF
    v.advance(insn)


@effect("sti")
def sti(v: Processor, insn: Insn) -> None:
    """Set IF; when it was clear, no interrupt is taken until the next instruction has run."""
    flags = v.eflags
    if v.cpl > (flags >> 12 & 3):
        raise GuestFault(GP, 0)
    if not flags & IF:
        v.eflags = flags | IF
        v.shadow = True
    v.advance(insn)


@effect("clac")
def clac(v: Processor, insn: Insn) -> None:
    """Clear AC (SDM vol. 2A, CLAC)."""
    _set_ac(v, insn, 0)


@effect("stac")
def stac(v: Processor, insn: Insn) -> None:
    """Set AC (SDM vol. 2B, STAC)."""
    _set_ac(v, insn, AC)


def _set_ac(v: Processor, insn: Insn, ac: int) -> None:
    if v.cpl or not v.model.has(Feature.SMAP):
        raise GuestFault(UD)
    v.eflags = v.eflags & ~AC | ac
    v.advance(insn)
