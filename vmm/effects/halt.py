# SPDX-License-Identifier: GPL-2.0-or-later
"""hlt: nothing more runs until an interrupt (SDM vol. 2A, HLT)."""

from patcher.x86.exceptions import GP, GuestFault
from patcher.x86.insn import Insn
from vmm.effects.registry import effect
from vmm.processor import Processor


@effect("hlt")
def hlt(v: Processor, insn: Insn) -> None:
    """Stop after this instruction; an interrupt returns to the next one."""
    if v.cpl:
        raise GuestFault(GP, 0)
    v.halted = True
    v.advance(insn)
