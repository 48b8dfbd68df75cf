# SPDX-License-Identifier: GPL-2.0-or-later
"""The descriptor table and the stack that a kernel starts with."""

from vmm.boot import layout
from vmm.boot.placement import Placement
from vmm.boot.state import CODE_FLAGS, DATA_FLAGS


def flat_descriptor(flags: int) -> bytes:
    """A descriptor of base 0 and limit FFFFF pages; `flags` as in `Segment` (SDM vol. 3A, 3.4.5)."""
    return (0xFFFF).to_bytes(4, "little") + (flags | 0xF_0000).to_bytes(4, "little")


def place_gdt(place: Placement, code: int, data: int) -> tuple[int, int]:
    """A table with flat code and data at these selectors, in low memory; gives GDTR as (base, limit)."""
    table = bytearray(max(code, data) + 8)
    table[code : code + 8] = flat_descriptor(CODE_FLAGS)
    table[data : data + 8] = flat_descriptor(DATA_FLAGS)
    return place.store(bytes(table), "the first descriptor table"), len(table) - 1


def place_stack(place: Placement) -> int:
    """A stack in low memory; gives the first ESP."""
    start = place.lowest(layout.STACK_SIZE, "the first stack", align=16)
    return start + layout.STACK_SIZE
