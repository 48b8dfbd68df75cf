# SPDX-License-Identifier: GPL-2.0-or-later
"""What holds for a whole binary while it is followed: never-returning functions, and what stays open."""

from bisect import bisect_left

from patcher.binary.model import Binary, Origin, Privilege
from patcher.follow.got import global_offset_table
from patcher.follow.lane import Lane
from patcher.follow.model import JumpTable, Problem, ProblemKind
from patcher.follow.space import Space
from patcher.x86.walk import Item


class Knowledge:
    """Facts of a binary that the rounds of following share, and the problems of the latest round."""

    def __init__(self, binary: Binary, space: Space) -> None:
        self.binary, self.space = binary, space
        self.size = sum(len(section.data) for section in binary.sections if section.executable)
        self.never = frozenset(binary.returns_never)
        self.elsewhere = frozenset(symbol.address for symbol in binary.imports)
        """What an object leaves to its linker: to go there is as if it were called."""
        starts = {function.start for function in binary.functions}
        self.ends = frozenset(function.end for function in binary.functions if function.end not in starts)
        """Where functions end and no other begins, into which hand-written code may fall."""
        self.problems: dict[tuple[int, int], Problem] = {}
        self.jump_tables: dict[int, JumpTable] = {}
        self.going_on = frozenset(e.address for e in binary.entries if e.origin is Origin.EXCEPTION)
        """Where the program goes on behind an exception: also behind the ud2 of Linux's warnings."""
        self.got = global_offset_table(binary)

    def problem(self, address: int, bits: int, kind: ProblemKind, sentence: str) -> None:
        """Note what could not be settled; the first problem at an address stays."""
        self.problems.setdefault((address, bits), Problem(address, bits, kind, sentence))

    def may_leave(self, lane: Lane, item: Item, target: int) -> bool:
        """May a branch lead to where the file holds nothing? What a relocation fills in, and what is loaded
        piece by piece, does."""
        end = lane.base + item[0] + item[1]
        if self.has_field(end - 4, end) or self.binary.privilege is Privilege.FIRMWARE:
            return True
        return self.space.section_index(target) >= 0 and lane.bits == 16

    def goes_on(self, lane: Lane) -> bool:
        """Is the end of a section none of the code's? Firmware is one image, that its reader cuts by segments."""
        return self.binary.privilege is Privilege.FIRMWARE and self.space.is_code(lane.end)

    def has_field(self, start: int, end: int) -> bool:
        """Does a relocation fill in one of these bytes?"""
        fields = self.binary.fields
        index = bisect_left(fields, start)
        return index < len(fields) and fields[index] < end
