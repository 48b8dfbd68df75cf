# SPDX-License-Identifier: GPL-2.0-or-later
"""The entries of a jump table, once it is known how the jump uses them: as many as are targets of code."""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from patcher.binary.model import Binary
from patcher.follow.in_step import is_out_of_step
from patcher.follow.lane import MARKS, Lane
from patcher.follow.model import JumpTable
from patcher.follow.segments import linear_candidates, near
from patcher.follow.space import Space
from patcher.follow.values import bits_mask

MOST_ENTRIES: Final = 4096
_NEAR: Final = 1 << 16
UNBOUNDED: Final = 1024
"""The most entries of a table of which no comparison tells the size."""


@dataclass(frozen=True, slots=True)
class Targets:
    """Where a jump goes: `leaves` when it is known to leave the binary (through an import's slot, for one)."""

    addresses: tuple[int, ...] = ()
    table: JumpTable | None = None
    leaves: bool = False
    bounded: bool = False
    """A comparison told the table's size, or there is no table to be measured."""
    refused: int | None = None
    """What a table ended at for which no comparison told the size: it would lead into the middle of an instruction."""

    def better(self, other: "Targets") -> bool:
        """Does it tell more than what a shorter path told?"""
        return (self.bounded, self.table is not None, bool(self.addresses), self.leaves) > (
            other.bounded, other.table is not None, bool(other.addresses), other.leaves,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Shape:
    """A table as the jump uses it: entry i is at `base + stride * i`, its target `plus` more than the entry.

    `count` is the number of entries, where a comparison tells it, and `most` what a mask lets the index name at most.
    """

    base: int
    stride: int
    size: int
    signed: bool
    plus: int
    count: int | None
    most: int | None = None


def read_table(space: Space, lane: Lane, at: int, shape: Shape, known: Mapping[int, JumpTable]) -> Targets:
    """Read a table's entries, up to its count or to the first one that cannot be a target."""
    for base in (shape.base,) if lane.bits != 16 else linear_candidates(lane, shape.base & 0xFFFF):
        found, refused = _entries(space, lane, shape, base, _around(space.binary, at), known)
        if found:
            end = base + shape.stride * (len(found) - 1) + shape.size
            return Targets(
                tuple(dict.fromkeys(found)), JumpTable(base, end, at), False, bool(shape.count or shape.most), refused
            )
    return Targets()


def _around(binary: Binary, at: int) -> tuple[int, int]:
    """Where the targets of a jump may lie when its table's size is not known: in its function, or near."""
    index = bisect_right(binary.functions, at, key=lambda function: function.start) - 1
    if index >= 0 and at < binary.functions[index].end:
        return binary.functions[index].start, binary.functions[index].end
    return at - _NEAR, at + _NEAR


def _entries(
    space: Space,
    lane: Lane,
    shape: Shape,
    base: int,
    around: tuple[int, int],
    known: Mapping[int, JumpTable],
) -> tuple[list[int], int | None]:
    """The targets, and that of the first entry that was refused for leading into an instruction."""
    found: list[int] = []
    refused: int | None = None
    mask = bits_mask(8 if lane.bits == 64 else 4)
    nearest: int | None = None
    most = min(shape.count or _most(space, lane, base, shape), MOST_ENTRIES)
    for number in range(most):
        address = base + shape.stride * number
        entry = space.read(address, shape.size, shape.signed)
        if entry is None:
            break
        if shape.count is None and (
            _is_code_there(lane, address) or address == nearest or (number and address in known)
        ):
            break
        target = entry + shape.plus & mask
        target = near(space, lane, target)
        outside = not (shape.count or shape.most) and lane.bits != 16 and not around[0] <= target < around[1]
        guessed = not (shape.count or shape.most)
        if outside or not _may_be_target(space, lane, target) or (guessed and _is_inside(lane, target)):
            if not outside and lane.base <= target < lane.end and refused is None:
                refused = target
            if shape.count is None or not found:
                break
            continue
        found.append(target)
        if target > address and (nearest is None or target < nearest):
            nearest = target
    return found, refused


def _most(space: Space, lane: Lane, base: int, shape: Shape) -> int:
    """How many entries a table of which no comparison tells the size has at most: what a mask lets the index name, and
    none in another object, whose address the code takes as it takes the table's own."""
    most = shape.most or UNBOUNDED
    if lane.bits != 64:
        return most
    index = bisect_left(space.taken_in_64_bit_code, base)
    itself, *behind = space.taken_in_64_bit_code[index : index + 2] or (None,)
    return min((behind[0] - base) // shape.stride, most) if itself == base and behind else most


def _is_code_there(lane: Lane, address: int) -> bool:
    """Is followed code at this address? Then a table without known size ends there."""
    offset = address - lane.base
    return 0 <= offset < lane.size and 0 < lane.lengths[offset] < MARKS


def _is_inside(lane: Lane, target: int) -> bool:
    """Does a target lie inside an instruction, as the bytes before it tell?"""
    offset = target - lane.base
    return 0 <= offset < lane.size and not lane.lengths[offset] and is_out_of_step(lane, offset)


def _may_be_target(space: Space, lane: Lane, target: int) -> bool:
    if lane.base <= target < lane.end:
        offset = target - lane.base
        return lane.lengths[offset] < MARKS and (bool(lane.lengths[offset]) or lane.covers(offset) is None)
    return space.is_code(target)
