# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the offsets of a code segment lie, and how large its code is (SDM vol. 3A, 3.4.5 and 5.2.1)."""

from patcher.follow.lane import Lane
from patcher.follow.space import Space


def linear_candidates(lane: Lane, offset: int, page: int | None = None) -> tuple[int, ...]:
    """Where an offset of 16-bit code may lie: its segment's base is not told by the code."""
    if page is not None:
        return (page + (offset & 0xFFF),)
    return offset, lane.base + offset, (lane.base & ~0xFFFF) + offset


def near(space: Space, lane: Lane, offset: int) -> int:
    """The address of an offset in the segment of a lane's code."""
    if lane.bits != 16:
        return offset
    return next((a for a in linear_candidates(lane, offset & 0xFFFF) if space.is_code(a)), offset)


def first_code(space: Space, candidates: tuple[int, ...]) -> int:
    return next((address for address in candidates if space.is_code(address)), candidates[0])


def descriptor(space: Space, gdt: int, selector: int) -> tuple[int, int] | None:
    """Base and code size of a code segment; None where there is no descriptor of one."""
    raw = space.read(gdt + (selector & ~7), 8)
    if raw is None or raw >> 43 & 3 != 3 or not raw >> 47 & 1:  # S, executable; present
        return None
    base = (raw >> 16 & 0xFFFFFF) | (raw >> 56 & 0xFF) << 24
    return base, 64 if raw >> 53 & 1 else 32 if raw >> 54 & 1 else 16
