# SPDX-License-Identifier: GPL-2.0-or-later
"""What the places around a named one say about it: code lies among code, and data among data.

Linkers put a program's constants together, also where they go into the section with the code, as in firmware. Of the
addresses that a program names, the nearest on both sides tell what is kept there.
"""

from bisect import bisect_left
from typing import Final

from patcher.catalogue import classify
from patcher.follow.edges import split
from patcher.follow.lane import FIELD, MARKS, Lane
from patcher.follow.likelihood import BAD, PREFIXES, in_a_row, is_text
from patcher.follow.modes import instruction
from patcher.follow.space import Space
from patcher.x86.insn import Insn

_LOOK: Final = 24
"""How many instructions are judged."""
_COUNTED: Final = 8
"""A longer look makes the mean surer, and the evidence no stronger: data go on being data."""
_USUAL: Final = 1.5
"""What the mean instruction shows where it is in doubt: compiled code has 3 to 4 bits, data -3 to 1."""
_VOTE: Final = 4.0
"""As much as one neighbour can say; one that there is not counts as code, for few names are names of functions."""
_EACH_SIDE: Final = 3
_FAR_BRANCH: Final = 6.0
"""By chance no displacement of four bytes leads to code."""
_LONG_BRANCH: Final = 5
_NOT_PLAIN: Final = frozenset((0x0F, 0x90, 0xE8, 0xE9, *PREFIXES))
_NOPS: Final = ((0, 0x90), (1, 0x1F))
_TEXT: Final = -64.0


class Vicinity:
    """The named addresses of one round of following, and how much they look like code.

    Addresses are keys (`edges.key_of`). Evidence is in bits, positive for code.
    """

    def __init__(self, space: Space) -> None:
        self._space = space
        self._bytes: dict[int, float] = {}
        self._sorted: list[int] = []
        self._open: set[int] = set()
        self._tried: set[int] = set()

    def add(self, keys: set[int]) -> None:
        """Take note of named addresses, new ones and others."""
        new = keys.difference(self._sorted)
        self._sorted = sorted([*self._sorted, *new])
        self._open.update(new)

    def judge(self) -> list[tuple[int, float]]:
        """Those that are neither followed nor tried, in order, with all evidence for each."""
        self._open = {key for key in self._open if not self._is_followed(key)}
        return [(key, self.evidence(key)) for key in sorted(self._open)]

    def tried(self, key: int) -> None:
        """An address was followed on trial: what stayed is code, and nothing else there is."""
        self._tried.add(key)
        self._open.discard(key)

    def evidence(self, key: int) -> float:
        """What an address and the named ones around it say together."""
        at = bisect_left(self._sorted, key)
        behind = at + (self._sorted[at : at + 1] == [key])
        around = self._sorted[max(at - _EACH_SIDE, 0) : at] + self._sorted[behind : behind + _EACH_SIDE]
        votes = sum(self._vote(other) for other in around)
        return self._look(key) + votes + _VOTE * (2 * _EACH_SIDE - len(around))

    def _vote(self, key: int) -> float:
        """What a place says about those around it: zeros say nothing, for code that writes itself has such names of the
        operands that it fills in."""
        if not self._is_followed(key) and self._space.read(split(key)[0], 2) == 0:
            return 0.0
        return max(-_VOTE, min(self._look(key), _VOTE))

    def _look(self, key: int) -> float:
        """What an address says alone."""
        if self._is_followed(key):
            return _VOTE
        if key in self._tried:
            return -_VOTE
        if key not in self._bytes:
            self._bytes[key] = self._bytes_at(key)
        return self._bytes[key]

    def _is_followed(self, key: int) -> bool:
        """Does a followed instruction start here, or lie over it?"""
        address, bits = split(key)
        lane = self._space.lane(address, bits)
        if lane is None:
            return False
        length = lane.lengths[address - lane.base]
        return 0 < length < MARKS or (not length and lane.covers(address - lane.base) is not None)

    def _bytes_at(self, key: int) -> float:
        """What the bytes at an address say alone."""
        address, bits = split(key)
        lane = self._space.lane(address, bits)
        if lane is None or lane.lengths[address - lane.base] or is_text(lane, address - lane.base):
            return _TEXT
        told, near = list[float](), 0
        for at, found in in_a_row(lane, address - lane.base, _LOOK, skips=True):
            if found != BAD and _is_plain(lane, at):
                told.append(found - _USUAL)
                continue
            insn = instruction(lane, at)
            if insn is None or not _is_mute(insn):
                told.append(_says(insn, found))
            near += 0 if insn is None else self._stays(lane, at, insn)
        return sum(told) * min(_COUNTED / (len(told) or 1), 1.0) + _FAR_BRANCH * near

    def _stays(self, lane: Lane, offset: int, insn: Insn) -> int:
        """Does a branch by a whole word lead to code (1) or to nothing that the file holds (-1)? 0 for all else."""
        end = offset + insn.length
        if not insn.relative or insn.length - insn.prefixes < _LONG_BRANCH or lane.lengths[end - 4] == FIELD:
            return 0
        return 1 if self._space.is_code(lane.base + end + insn.imm) else -1


def _is_plain(lane: Lane, offset: int) -> bool:
    """Is it an instruction that is never mute and no branch by a whole word, as its first bytes tell?"""
    first = lane.code[offset]
    if lane.bits == 64 and first & 0xF0 == 0x40:
        first = lane.code[offset + 1]
    return first not in _NOT_PLAIN


def _is_mute(insn: Insn) -> bool:
    """Does it tell nothing: padding, or what is rare in any code but a kernel's?"""
    return (insn.opmap, insn.opcode) in _NOPS or (insn.opmap != 0 and classify(insn) is not None)


def _says(insn: Insn | None, bits: float) -> float:
    """What an instruction with so much evidence says of a place."""
    return BAD if insn is None else bits - _USUAL
