# SPDX-License-Identifier: GPL-2.0-or-later
"""Descriptors taken apart and put together (SDM vol. 3A, sections 3.4.5, 3.5, 5.8.3 and 6.11).

A descriptor is 8 bytes, here one 64-bit number. What a segment register keeps of it, besides base and limit,
is its high double word masked with ``HIDDEN``.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from patcher.x86.segment import Segment

HIDDEN: Final = 0x00F0_FF00

ACCESSED: Final = 1 << 8
WRITABLE: Final = 1 << 9  # data; of code: readable
EXPAND_DOWN: Final = 1 << 10  # data; of code: conforming
CODE: Final = 1 << 11
NONSYSTEM: Final = 1 << 12
DPL_SHIFT: Final = 13
PRESENT: Final = 1 << 15
LONG: Final = 1 << 21
BIG: Final = 1 << 22  # 32-bit code or stack
GRANULAR: Final = 1 << 23  # the limit counts pages

FLAT_CODE: Final = CODE | WRITABLE | ACCESSED | NONSYSTEM | PRESENT | BIG | GRANULAR
FLAT_DATA: Final = WRITABLE | ACCESSED | NONSYSTEM | PRESENT | BIG | GRANULAR


class SystemType(IntEnum):
    """Types of descriptors without NONSYSTEM (SDM vol. 3A, table 3-2)."""

    TSS_16 = 1
    LDT = 2
    BUSY_TSS_16 = 3
    CALL_GATE_16 = 4
    TASK_GATE = 5
    INTERRUPT_GATE_16 = 6
    TRAP_GATE_16 = 7
    TSS_32 = 9
    BUSY_TSS_32 = 11
    CALL_GATE_32 = 12
    INTERRUPT_GATE_32 = 14
    TRAP_GATE_32 = 15


@dataclass(frozen=True, slots=True)
class Gate:
    """A call, interrupt, trap or task gate; ``parameters`` counts what a call gate copies."""

    type: SystemType
    selector: int
    offset: int
    dpl: int = 0
    present: bool = True
    parameters: int = 0


def parse_segment(selector: int, raw: int) -> Segment:
    """What a segment register holds after ``selector`` was loaded from the descriptor ``raw``."""
    high = raw >> 32
    limit = (raw & 0xFFFF) | (high & 0xF_0000)
    if high & GRANULAR:
        limit = limit << 12 | 0xFFF
    return Segment(selector, (raw >> 16 & 0xFF_FFFF) | (high & 0xFF00_0000), limit, high & HIDDEN)


def build_segment(base: int, limit: int, flags: int, dpl: int = 0) -> int:
    """The descriptor of a segment; ``limit`` is in bytes and, with GRANULAR in ``flags``, ends a page."""
    if flags & GRANULAR:
        if limit & 0xFFF != 0xFFF:
            raise ValueError(
                f"a limit of {limit:#x} does not end a page, which the granularity flag asks for"
            )
        limit >>= 12
    if limit > 0xF_FFFF:
        raise ValueError(f"a limit of {limit:#x} does not fit into 20 bits")
    high = (base & 0xFF00_0000) | (base >> 16 & 0xFF) | (limit & 0xF_0000)
    high |= (flags & HIDDEN) | dpl << DPL_SHIFT
    return high << 32 | (base & 0xFFFF) << 16 | (limit & 0xFFFF)


def parse_gate(raw: int) -> Gate | None:
    """The gate, None when the descriptor is none."""
    high = raw >> 32
    kind = high >> 8 & 0x1F
    if kind & 7 < 4 or kind == 13 or kind >= 16:
        return None
    offset = (raw & 0xFFFF) | (high & 0xFFFF_0000)
    if kind & 8 == 0:
        offset &= 0xFFFF
    parameters = high & 0x1F if kind & 7 == 4 else 0
    return Gate(
        SystemType(kind), raw >> 16 & 0xFFFF, offset, high >> DPL_SHIFT & 3, bool(high & PRESENT), parameters
    )


def build_gate(gate: Gate) -> int:
    """The descriptor of a gate."""
    high = (gate.offset & 0xFFFF_0000) | gate.type << 8 | gate.dpl << DPL_SHIFT | gate.parameters
    if gate.present:
        high |= PRESENT
    return high << 32 | gate.selector << 16 | (gate.offset & 0xFFFF)
