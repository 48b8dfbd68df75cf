# SPDX-License-Identifier: GPL-2.0-or-later
"""The descriptor table and the stack that a kernel starts with."""

from patcher.x86.descriptors import descriptor_of
from patcher.x86.segment import Segment
from vmm.boot import layout
from vmm.boot.placement import Placement
from vmm.boot.state import CODE_FLAGS, DATA_FLAGS


def place_gdt(place: Placement, code: int, data: int) -> tuple[int, int]:
    """A table with flat code and data at these selectors, in low memory; gives GDTR as (base, limit)."""
    table = bytearray(max(code, data) + 8)
    for selector, flags in ((code, CODE_FLAGS), (data, DATA_FLAGS)):
        flat = descriptor_of(Segment(selector, 0, 0xFFFF_FFFF, flags))
        table[selector : selector + 8] = flat.to_bytes(8, "little")
    return place.store(bytes(table), "the first descriptor table"), len(table) - 1


def place_stack(place: Placement) -> int:
    """A stack in low memory; gives the first ESP."""
    start = place.lowest(layout.STACK_SIZE, "the first stack", align=16)
    return start + layout.STACK_SIZE
