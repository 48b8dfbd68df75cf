# SPDX-License-Identifier: GPL-2.0-or-later
"""Where a far transfer to a known pointer leads: by its descriptor, or by the steps of a mode switch.

Where the GDT is in the file the descriptor is read; else the steps of the manual's mode switches (SDM vol. 3A, 9.9 and
9.8.5) tell what comes next.
"""

import re
from typing import Final

from patcher.binary.model import Privilege
from patcher.follow.lane import Lane
from patcher.follow.modes import Processor, starts_protected_mode
from patcher.follow.segments import descriptor, first_code, linear_candidates
from patcher.follow.space import Space

_ENABLES_LONG_MODE: Final = re.compile(
    rb"\xb9\x80\0\0\xc0.{0,24}?(?:\x0f\xba\xe8\x08|\x0d.[\x01\x03\x05\x07\x09\x0b\x0d\x0f]..|\x80\xcc[\x01\x09]).{0,24}?\x0f\x30",
    re.DOTALL,
)
"""mov $EFER, %ecx; …; bts $8, %eax or an or with LME; …; wrmsr."""
_BY_CONVENTION: Final = {0x23: 32, 0x33: 64, 0x73: 32, 0x1B: 32}
"""The user code segments of Linux and Windows."""


def far_target(
    space: Space,
    lane: Lane,
    now: Processor,
    selector: int | None,
    offset: int,
    behind: int,
    narrow: bool = False,
) -> tuple[int, int] | None:
    """Address and bits of a far transfer's target; None when the size of its code is not known. `behind` follows it.

    Nothing but the way into a 16-bit segment makes 32-bit code write an offset of 16 bits (`narrow`).
    """
    here = (offset, lane.base + offset) if now.page is None else (now.page + (offset & 0xFFF), offset)
    if now.gdt is not None and selector is not None and now.protected is not False:
        found = descriptor(space, now.gdt, selector)
        if found is not None:
            return first_code(space, (found[0] + offset, *here)), found[1]
    if now.protected is False or (lane.bits == 16 and not now.protected):
        return _real(space, lane, selector, offset), 16
    if narrow and lane.bits == 32:
        return first_code(space, linear_candidates(lane, offset, now.page)), 16
    if selector in _BY_CONVENTION and space.binary.privilege is Privilege.USER:
        return first_code(space, here), _BY_CONVENTION[selector]
    if lane.bits == 32 and now.long and now.paging is not False:
        return first_code(space, here), 64
    if (
        lane.bits == 16 or not now.paging or _reloads(lane, now, behind, offset)
    ):  # what reloads CS in the same mode, or prepares to leave it
        target = first_code(space, here)
        leaves = lane.bits == 32 and _is_switch(space, target)
        return target, 16 if leaves else 32 if lane.bits == 16 else lane.bits
    return None


def _is_switch(space: Space, target: int) -> bool:
    """Is it 16-bit code that writes CR0 and jumps far: the last but one step back to real mode (SDM vol. 3A, 9.9.2)?"""
    index = space.section_index(target)
    base = space.binary.sections[index].address
    return space.is_code(target) and starts_protected_mode(space.code(index), target - base)


def _reloads(lane: Lane, now: Processor, behind: int, target: int) -> bool:
    """Does a far jump to the next instruction only reload CS, in code that never asks for long mode?"""
    return target == behind and not now.long and _ENABLES_LONG_MODE.search(lane.code) is None


def _real(space: Space, lane: Lane, selector: int | None, offset: int) -> int:
    """A real-mode far pointer; a boot program may be linked at the base of its section."""
    linear = (selector or 0) * 16 + offset
    return first_code(space, (linear, (lane.base & ~0xFFFFF) + linear, *linear_candidates(lane, offset)[1:]))
