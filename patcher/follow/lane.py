# SPDX-License-Identifier: GPL-2.0-or-later
"""The code of one section in one mode, as following knows it: a `Lane`.

It has one byte for each byte of its section: 0, the length of the instruction that starts there, or a mark that no
instruction may start there. The marks end a walk without being looked for.
"""

from array import array
from bisect import bisect_left
from typing import Final

from patcher.binary.model import Section
from patcher.x86.decode import MAX_LENGTH
from patcher.x86.insn import Insn
from patcher.x86.length_tables import Tables, tables
from patcher.x86.walk import Item, entry_at, second

DATA: Final = 0xFF
"""A mark: known data, such as a jump table."""
FIELD: Final = 0xFE
"""A mark: a relocation fills in what starts here, so it is no opcode."""
DEAD: Final = 0xFD
"""A mark: following from here led into what is no code."""
BORDER: Final = 0xFC
"""A mark: what is copied over other code ends here, so nothing goes on from before; instructions may start here."""
MARKS: Final = BORDER

_NO_MARKS: Final = bytes(range(MARKS)) + bytes(256 - MARKS)


MOST_INSNS: Final = 50_000
LARGE: Final = 2_000_000
"""More code than this is not gone through often enough to keep what was decoded."""

Run = tuple[list[Item], bytes]


class Seen:
    """What does not change from one round of following to the next: decoded instructions, and whole runs.

    `runs` is by the offset of the first instruction: the items of the run, and the lengths that it wrote. `leas`
    are the offsets of what looks like lea disp(%rip) of code, and the addresses taken; `words`, by the address of a
    section, the offsets of words that lie in it.
    """

    __slots__ = ("insns", "leas", "runs", "words")

    def __init__(self, size: int) -> None:
        self.insns: dict[int, Insn | None] = {}
        self.leas: tuple[array[int], array[int]] | None = None
        self.words: dict[int, array[int]] = {}
        self.runs: dict[int, Run] | None = {} if size <= LARGE else None


class Lane:
    """The code of one section in one mode."""

    __slots__ = (
        "base", "bits", "borders", "code", "end", "index", "lengths", "section", "seen", "size", "table",
    )  # fmt: skip

    def __init__(self, section: Section, index: int, bits: int, code: bytes, seen: "Seen") -> None:
        self.section, self.index, self.bits, self.code = section, index, bits, code
        self.base, self.size = section.address, len(code)
        self.end = self.base + self.size
        self.lengths = bytearray(self.size)
        self.borders: list[int] = []
        self.seen = seen
        self.table: Tables = tables(bits)

    def mark(self, start: int, end: int, mark: int) -> None:
        """Put a mark on the addresses `[start, end)` of this lane at which no instruction starts."""
        lengths = self.lengths
        for offset in range(max(start - self.base, 0), min(end - self.base, self.size)):
            if not lengths[offset]:
                lengths[offset] = mark

    def mark_borders(self, start: int, end: int) -> None:
        """Put back the marks of borders at the offsets `[start, end)` at which nothing is."""
        if not self.borders:
            return
        for offset in self.borders[bisect_left(self.borders, start) : bisect_left(self.borders, end)]:
            if not self.lengths[offset]:
                self.lengths[offset] = BORDER

    def is_border(self, offset: int) -> bool:
        """Does what is copied over other code end at an offset?"""
        index = bisect_left(self.borders, offset)
        return index < len(self.borders) and self.borders[index] == offset

    def is_free(self, offset: int) -> bool:
        """May an instruction start at an offset where none was followed yet?"""
        return self.lengths[offset] in (0, BORDER)

    def without_marks(self) -> bytearray:
        """The lengths alone."""
        return self.lengths.translate(_NO_MARKS)

    def entry(self, offset: int) -> int:
        """Kind << 4 | length of what stands at an offset, as `patcher.x86.walk` tells them."""
        code = self.code
        if offset > self.size - MAX_LENGTH:
            return entry_at(code, offset, self.bits)
        return self.table.one_byte[code[offset] | code[offset + 1] << 8] or second(code, offset, self.table)

    def before(self, offset: int) -> int | None:
        """The start of an instruction that ends at `offset`."""
        lengths = self.lengths
        for length in range(1, min(15, offset) + 1):
            if lengths[offset - length] == length:
                return offset - length
        return None

    def covers(self, offset: int) -> int | None:
        """The start of an instruction that `offset` lies inside of, behind its first byte."""
        lengths = self.lengths
        for back in range(1, min(14, offset) + 1):
            if MARKS > lengths[offset - back] > back:
                return offset - back
        return None
