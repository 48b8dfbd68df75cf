# SPDX-License-Identifier: GPL-2.0-or-later
"""Bytes between functions that mean nothing: the nops, traps and zeros that assemblers and linkers align with."""

import re
from typing import Final

from patcher.follow.lane import MARKS, Lane

_NOPS: Final = (
    rb"\x90|\xcc|\0|\x66\x90|\x66\x66\x90|\xf3\x90"
    rb"|(?:\x66|\x2e|\x3e)*\x0f\x1f(?:\0|\x40.|\x44\0.|\x80\0\0\0\0|\x84\0\0\0\0\0)"
    rb"|\x8d\x76\0|\x8d\x74\x26\0|\x8d\xb6\0\0\0\0|(?:\x2e|\x3e)?\x8d\xb4\x26\0\0\0\0|\x8d\xbc\x27\0\0\0\0|\x8d\x7f\0|\x8d\xbf\0\0\0\0"
    rb"|\x8d\x36|\x8d\x3f|\x8d\x49\0|\x8d\xa4\x24\0\0\0\0|\x8d\x64\x24\0|\x8d\x9b\0\0\0\0|\x8d\x5b\0|\x8d\x80\0\0\0\0|\x8d\x40\0"
    rb"|\x89\xf6|\x89\xff|\x8b\xff|\x8b\xc0|\x8b\xc9|\x89\xc0|\x87\xdb|\x87\xc9|\x8d\xb4\0\0\0|\x8d\xbd\0\0|\x8d\x74\0|\x8d\x75\0"
)
PADDING: Final = re.compile(rb"(?:%b)++" % _NOPS, re.DOTALL)
_FILL: Final = frozenset(b"\x90\xcc\0")


_ENDS: Final = frozenset((0xC2, 0xC3, 0xCA, 0xCB, 0xCF, 0xE9, 0xEA, 0xEB))
_SIZES: Final = b"\x66\x67"


def behind_padding(lane: Lane, offset: int) -> int:
    """The offset behind the padding that begins at `offset`, if any does."""
    match = PADDING.match(lane.code, offset)
    return offset if match is None else match.end()


def follows_end(lane: Lane, offset: int) -> bool:
    """Does it lie right behind a return or jump that was followed, as functions do that lie back to back?"""
    before = lane.before(offset)
    if before is None:
        return False
    opcode = lane.code[before:offset].lstrip(_SIZES)
    return opcode[0] in _ENDS or (opcode[0] == 0xFF and opcode[1] & 0x30 == 0x20)


def padding_before(lane: Lane, offset: int) -> bool:
    """Does a function begin here as assemblers place them: aligned, or behind padding, or behind what ends one?"""
    if offset % 16 == 0 or offset == 0:
        return True
    code = lane.code
    if code[offset - 1] in _FILL or code[offset - 1] == 0xC3:
        return True
    before = lane.before(offset)
    return (
        before is not None
        and lane.lengths[before] < MARKS
        and code[before] in (0xE9, 0xEB, 0xC2, 0xCB, 0xCF, 0xF4)
    )
