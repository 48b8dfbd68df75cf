# SPDX-License-Identifier: GPL-2.0-or-later
"""Which bits of an EFLAGS image from the guest are loaded, and by whom (SDM vol. 1, section 3.4.3)."""

from patcher.x86.flags import AC, AF, CF, DF, ID, IF, IOPL, NT, OF, PF, RF, SF, TF, ZF
from vmm.processor import Processor

ANY_RING = CF | PF | AF | ZF | SF | TF | DF | OF | NT
"""Every ring may load these with popf and iret."""

WIDE = AC | ID
"""... and these with the 32-bit forms."""

TASK = ANY_RING | WIDE | RF | IF | IOPL
"""A task switch loads all that exist; VM is refused elsewhere, VIF and VIP need VME."""

FIXED = 2
"""Bit 1 is always set."""


def load_image(v: Processor, image: int, size: int, flags: int) -> None:
    """Load what iret may from a popped image of `size` bytes, judged by the CPL; `flags` is EFLAGS."""
    cpl = v.cpl
    mask = ANY_RING
    if size == 4:
        mask |= WIDE | RF
    if cpl <= (flags >> 12 & 3):
        mask |= IF
        if not cpl:
            mask |= IOPL
    v.eflags = flags & ~mask | image & mask
