# SPDX-License-Identifier: GPL-2.0-or-later
"""invd wbinvd invlpg: there is no cache to flush, but there are translations (SDM vol. 2A, INVD, INVLPG)."""

from patcher.x86.exceptions import GP, UD, GuestFault
from patcher.x86.insn import Insn
from vmm.effects.operand import effective
from vmm.effects.registry import effect
from vmm.processor import Processor


@effect("invd", "wbinvd")
def flush_caches(v: Processor, insn: Insn) -> None:
    """Memory is always up to date."""
    if v.cpl:
        raise GuestFault(GP, 0)
    v.advance(insn)


@effect("invlpg")
def invlpg(v: Processor, insn: Insn) -> None:
    """Forget the page of the operand, whose segment is not checked."""
    if not insn.is_memory:
        raise GuestFault(UD)
    if v.cpl:
        raise GuestFault(GP, 0)
    v.tlb.flush_page(v.segment(insn.data_segment).base + effective(v, insn) & 0xFFFF_FFFF)
    v.advance(insn)
