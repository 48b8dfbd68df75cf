# SPDX-License-Identifier: GPL-2.0-or-later
"""Where relative branches go, without making an instruction of nearly any."""

from struct import Struct
from typing import Final

from patcher.follow.lane import Lane
from patcher.follow.modes import instruction

_DWORD: Final = Struct("<i").unpack_from
_MASKS: Final = {16: 0xFFFFFFFF, 32: 0xFFFFFFFF, 64: 0xFFFFFFFFFFFFFFFF}


def relative_target(lane: Lane, offset: int, length: int) -> int:
    """The address that the relative branch at an offset goes to."""
    code = lane.code
    target = lane.base + offset + length
    if length == 2:
        displacement = code[offset + 1]
        target += displacement - ((displacement & 0x80) << 1)
    elif lane.bits != 16 and (length == 6 if code[offset] == 0x0F else length == 5):
        target += _DWORD(code, offset + length - 4)[0]
    else:
        insn = instruction(lane, offset)
        target += insn.imm if insn is not None else 0
    if lane.base <= target < lane.end:
        return target
    return _wrapped(lane, target) if lane.bits == 16 else target & _MASKS[lane.bits]


def _wrapped(lane: Lane, target: int) -> int:
    """In 16-bit code IP wraps at 64 KiB."""
    near = (target + 0x10000, target - 0x10000)
    return next((address for address in near if lane.base <= address < lane.end), target)
