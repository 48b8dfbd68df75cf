# SPDX-License-Identifier: GPL-2.0-or-later
"""Descriptors as the manual draws them, and what a segment register keeps of one (SDM vol. 3A, 3.4.3, 3.4.5, 3.5).

A descriptor is 8 bytes, here one 64-bit number. Flags and types are those of its high double word.
"""

from functools import lru_cache
from typing import Final

from patcher.x86.segment import Segment

# The high double word (figure 3-8).
ACCESSED, WRITABLE, EXPAND_DOWN, CODE = 0x100, 0x200, 0x400, 0x800
READABLE, CONFORMING = WRITABLE, EXPAND_DOWN
NONSYSTEM, PRESENT, BIG, GRANULAR = 0x1000, 0x8000, 0x40_0000, 0x80_0000
HIDDEN: Final = 0x00F0_FF00  # the part that a segment register keeps as its flags

# System types (table 3-2).
TSS16, LDT, TSS16_BUSY, CALL16, TASK_GATE, INTERRUPT16, TRAP16 = range(1, 8)
TSS32, TSS32_BUSY, CALL32, INTERRUPT32, TRAP32 = 0x9, 0xB, 0xC, 0xE, 0xF
BUSY: Final = 0x200


@lru_cache(maxsize=1024)
def segment_of(selector: int, raw: int) -> Segment:
    """What a segment register holds after a load of the descriptor `raw`."""
    hi = raw >> 32
    limit = raw & 0xFFFF | hi & 0xF_0000
    if hi & GRANULAR:
        limit = limit << 12 | 0xFFF
    return Segment(selector, raw >> 16 & 0xFF_FFFF | hi & 0xFF00_0000, limit, hi & HIDDEN)


def descriptor_of(segment: Segment) -> int:
    """The descriptor that loads a segment. Raises ValueError for a limit in bytes that no descriptor can hold."""
    limit = segment.limit
    if segment.flags & GRANULAR:
        if limit & 0xFFF != 0xFFF:
            raise ValueError(f"a limit of {limit:#x} does not end a page, as the granularity flag asks for")
        limit >>= 12
    if limit > 0xF_FFFF:
        raise ValueError(f"a limit of {limit:#x} does not fit into 20 bits")
    hi = segment.base & 0xFF00_0000 | segment.base >> 16 & 0xFF | limit & 0xF_0000 | segment.flags & HIDDEN
    return hi << 32 | (segment.base & 0xFFFF) << 16 | limit & 0xFFFF
