# SPDX-License-Identifier: GPL-2.0-or-later
"""What following leaves over: padding, gaps, and on demand every sensitive encoding in them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from patcher.auditing.model import Coverage, Tier
from patcher.follow.lane import MARKS, Lane
from patcher.follow.model import Site
from patcher.follow.overlaps import overlaps
from patcher.follow.padding import PADDING
from patcher.follow.space import Space
from patcher.sweep import anywhere

Ranges = tuple[tuple[int, int], ...]


def _covered(space: Space, index: int) -> bytearray:
    """A byte for each of a section's: not zero where a followed instruction or data lies, in any mode."""
    covered = bytearray(len(space.binary.sections[index].data))
    for (number, _), lane in space.lanes.items():
        if number == index:
            _cover(lane, covered)
    base = space.binary.sections[index].address
    for start, end in space.data:
        if start < base + len(covered) and end > base:
            first, last = max(start - base, 0), min(end - base, len(covered))
            covered[first:last] = bytes([2]) * (last - first)
    return covered


_NOTHING: Final = re.compile(rb"\0+")
_LENGTH: Final = re.compile(rb"[\x01-\x0f\xff]")
_RUN: Final = re.compile(
    b"(?:"
    + b"|".join(re.escape(bytes([n])) + b"[^\\x01-\\x0f]{%d}" % (n - 1) for n in range(1, 16))
    + b")++",
    re.DOTALL,
)


def _cover(lane: Lane, covered: bytearray) -> None:
    """Mark the bytes of followed instructions; those that lie one behind the other at once."""
    lengths = lane.lengths
    for match in _RUN.finditer(lengths):
        start, end = match.span()
        covered[start:end] = b"\1" * (end - start)
    for pair in overlaps(lane):
        for start in pair:
            end = start + lengths[start]
            covered[start:end] = b"\1" * (end - start)


@dataclass(frozen=True, slots=True)
class Remains:
    """What is neither followed nor data, as sorted address ranges: padding, and the rest."""

    padding: Ranges
    gaps: Ranges


def remains(space: Space) -> Remains:
    """What is left over in all executable sections."""
    padding: list[tuple[int, int]] = []
    gaps: list[tuple[int, int]] = []
    for index, section in enumerate(space.binary.sections):
        if section.executable:
            covered = _covered(space, index)
            for match in _NOTHING.finditer(covered):
                _divide(space.code(index), section.address, match.start(), match.end(), padding, gaps)
    return Remains(tuple(padding), tuple(gaps))


def narrowed(space: Space, before: Remains) -> Remains:
    """What is still left over of the gaps, after more was followed in them."""
    padding = list(before.padding)
    gaps: list[tuple[int, int]] = []
    for start, end in before.gaps:
        index = space.section_index(start)
        base = space.binary.sections[index].address
        covered = bytearray(end - start)
        for (number, _), lane in space.lanes.items():
            if number == index:
                for match in _LENGTH.finditer(lane.lengths, start - base, end - base):
                    at, length = match.start() - (start - base), lane.lengths[match.start()]
                    covered[at : at + (length if length < MARKS else 1)] = b"\1" * (
                        length if length < MARKS else 1
                    )
        for match in _NOTHING.finditer(covered[: end - start]):
            _divide(
                space.code(index),
                base,
                start - base + match.start(),
                start - base + match.end(),
                padding,
                gaps,
            )
    return Remains(tuple(sorted(padding)), tuple(gaps))


def _divide(
    code: bytes, base: int, start: int, end: int, padding: list[tuple[int, int]], gaps: list[tuple[int, int]]
) -> None:
    """A range that nothing covers: padding at its front, the rest a gap."""
    match = PADDING.match(code, start, end)
    if match is not None:
        padding.append((base + start, base + match.end()))
        start = match.end()
    if start < end:
        gaps.append((base + start, base + end))


def coverage(space: Space, left: Remains, data: int) -> Coverage:
    """Bytes of executable sections by how they were looked at; `data` of those in gaps are data."""
    total = sum(len(section.data) for section in space.binary.sections if section.executable)
    padding = sum(end - start for start, end in left.padding)
    gaps = sum(end - start for start, end in left.gaps)
    return Coverage(total, total - padding - gaps, gaps - data, padding, data)


def everything(space: Space, known: set[int]) -> Iterator[Site]:
    """Every other sensitive encoding: possible in gaps, overlapping inside what was followed."""
    modes = sorted({bits for _, bits in space.lanes} | {space.binary.mode})
    for index, section in enumerate(space.binary.sections):
        if not section.executable:
            continue
        code, covered = space.code(index), _covered(space, index)
        for bits in modes:
            if (
                bits != section.mode
                and (index, bits) not in space.lanes
                and len(modes) > 1
                and len(code) > 1 << 20
            ):
                continue
            for offset, length in anywhere(code, bits, 0, len(code)):
                address = section.address + offset
                if address not in known:
                    tier = Tier.OVERLAPPING if covered[offset] == 1 else Tier.POSSIBLE
                    known.add(address)
                    yield Site(address, bits, length, tier)
