# SPDX-License-Identifier: GPL-2.0-or-later
"""In which mode bytes are code, where a section holds code of several: firmware mixes 16-bit and 32-bit functions.

Code that was compiled for one mode soon reads badly in another, since immediates have other sizes. A function right
behind another one mostly has its mode.
"""

from typing import Final

from patcher.follow.lane import MARKS, Lane
from patcher.follow.likelihood import score
from patcher.follow.modes import instruction
from patcher.follow.space import Space
from patcher.follow.targets import relative_target
from patcher.x86.decode import Flow, flow

_EXPECTED: Final = 12.0
"""How much more another mode's reading must look like code than the expected one."""
_LOOK: Final = 24
_TO_FUNCTION: Final = 8.0
"""Bits of evidence in a call of what is followed: of a few hundred bytes one begins an instruction that is called."""


def lanes_of(space: Space, index: int) -> list[Lane]:
    """The lanes of a section in which something was followed, and that of its own mode, which is the first."""
    section = space.binary.sections[index]
    own = space.lane(section.address, section.mode)
    others = [lane for (number, _), lane in space.lanes.items() if number == index and lane is not own]
    return others if own is None else [own, *others]


def is_taken(space: Space, address: int) -> bool:
    """Does an address of code lie in an instruction that was followed, in any mode?"""
    lanes = lanes_of(space, space.section_index(address))
    offset = address - lanes[0].base
    return any(not lane.is_free(offset) or lane.covers(offset) is not None for lane in lanes)


def reading(space: Space, address: int, bits: int, named: bool) -> int:
    """The mode, of those in which a section has code, in which an address looks most like it.

    What names the address says `bits`; where nothing does, the function before says which mode is likely.
    """
    index = space.section_index(address)
    lanes = lanes_of(space, index) if index >= 0 and space.binary.sections[index].executable else []
    if len(lanes) < 2:
        return bits
    offset = address - lanes[0].base
    claims = {bits: -_EXPECTED}
    for lane in lanes:
        expected = lane.bits == bits if named else lane.before(offset) is not None
        claims[lane.bits] = score(lane, offset, _LOOK)[0] + _calls(lane, offset) + _EXPECTED * expected
    return max(claims, key=claims.__getitem__)


def _calls(lane: Lane, offset: int) -> float:
    """What its first direct calls tell: read in the wrong mode they go anywhere, in the right one to functions."""
    total = 0.0
    for _ in range(_LOOK):
        insn = instruction(lane, offset) if offset < lane.size else None
        if insn is None or flow(insn) in (Flow.JUMP, Flow.STOP):
            break
        if flow(insn) is Flow.CALL and insn.relative:
            to = relative_target(lane, offset, insn.length) - lane.base
            known = 0 <= to < lane.size and 0 < lane.lengths[to] < MARKS
            total += _TO_FUNCTION if known else 0.0
        offset += insn.length
    return total
