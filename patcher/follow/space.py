# SPDX-License-Identifier: GPL-2.0-or-later
"""A binary's memory as following needs it: a `Lane` for each section and mode, and words read from anywhere."""

from bisect import bisect_left, bisect_right, insort
from functools import cached_property

from patcher.binary.model import Binary, Section
from patcher.follow.lane import DATA, DEAD, FIELD, LARGE, MARKS, Lane, Seen
from patcher.follow.pointers import data_words, gates, taken_addresses
from patcher.follow.rewrites import Rewrites
from patcher.follow.state import State


class Space:
    """The sections of a binary by address, with what is known of them for good."""

    def __init__(self, binary: Binary) -> None:
        self.binary = binary
        self.lanes: dict[tuple[int, int], Lane] = {}
        self._codes: dict[int, bytes] = {}
        self._seen: dict[tuple[int, int], Seen] = {}
        self._starts = [section.address for section in binary.sections]
        self._ends = [section.end for section in binary.sections]
        self._code_ends = [s.address + len(s.data) if s.executable else 0 for s in binary.sections]
        self.data: list[tuple[int, int]] = []
        self.dead: set[tuple[int, int]] = set()
        size = sum(len(section.data) for section in binary.sections if section.executable)
        self.states: dict[tuple[object, ...], State] | None = {} if size <= LARGE else None
        """What was known at the end of a path, by its size and steps."""
        self._fields = binary.fields
        self.rewrites = Rewrites(binary)
        self._borders = sorted(self.rewrites.borders)

    @cached_property
    def is_flat(self) -> bool:
        """Is it an image without sections and relocations, in which data may lie wherever code may?"""
        return not self.binary.pointers and all(section.executable for section in self.binary.sections)

    @cached_property
    def named_by_data(self) -> tuple[int, ...]:
        """Addresses of code that words of data hold."""
        return (*data_words(self.binary), *gates(self.binary))

    @cached_property
    def taken_in_64_bit_code(self) -> tuple[int, ...]:
        """Addresses that 64-bit code seems to take into registers, sorted: where objects begin."""
        codes = [
            (s.address, self.code(index)) for index, s in enumerate(self.binary.sections) if s.executable
        ]
        found = {address for base, code in codes for address in taken_addresses(code, base)}
        return tuple(sorted(address for address in found if self.section_index(address) >= 0))

    def section_index(self, address: int) -> int:
        """The index of the section that holds an address, -1 when none does."""
        index = bisect_right(self._starts, address) - 1
        return index if index >= 0 and address < self._ends[index] else -1

    def lane(self, address: int, bits: int) -> Lane | None:
        """The lane for code at an address, None where the file has no executable bytes."""
        index = bisect_right(self._starts, address) - 1
        if index < 0:
            return None
        lane = self.lanes.get((index, bits))
        if lane is None:
            section = self.binary.sections[index]
            if not section.executable or address >= section.end:
                return None
            lane = self.lanes[index, bits] = self._new_lane(section, index, bits)
        return lane if address < lane.end else None

    def followed_in(self, address: int) -> list[int]:
        """The modes in which a followed instruction starts at an address."""
        index = self.section_index(address)
        lanes = [self.lanes[key] for key in self.lanes.keys() & {(index, bits) for bits in (16, 32, 64)}]
        return [
            lane.bits
            for lane in lanes
            if address < lane.end and 0 < lane.lengths[address - lane.base] < MARKS
        ]

    def is_code(self, address: int) -> bool:
        """Does an executable section's data hold this address?"""
        index = bisect_right(self._starts, address) - 1
        return index >= 0 and address < self._code_ends[index]

    def code(self, index: int) -> bytes:
        """The bytes of an executable section."""
        if index not in self._codes:
            self._codes[index] = bytes(self.binary.sections[index].data)
        return self._codes[index]

    def read(self, address: int, size: int, signed: bool = False) -> int | None:
        """A number from the file's contents, None where there are none; zero where memory starts as zero."""
        index = bisect_right(self._starts, address) - 1
        if index < 0 or address + size > self._ends[index]:
            return None
        section = self.binary.sections[index]
        offset = address - section.address
        return int.from_bytes(section.data[offset : offset + size], "little", signed=signed)

    def is_constant(self, address: int) -> bool:
        """Is memory at this address never written when the program runs?"""
        index = self.section_index(address)
        return index >= 0 and not self.binary.sections[index].writable

    def constant(self, address: int, size: int, signed: bool) -> int | None:
        """A number that memory holds at an address for good; None where nothing tells."""
        known = self.is_constant(address) or self.is_followed(address)
        return self.read(address, size, signed) if known else None

    def is_followed(self, address: int) -> bool:
        """Does a followed instruction start here? Then its bytes are what runs, be they writable or not."""
        return bool(self.followed_in(address))

    def add_data(self, start: int, end: int) -> bool:
        """Note data inside code; True when instructions had been followed there."""
        if (start, end) in self.data:
            return False
        insort(self.data, (start, end))
        marked = [self._mark_data(lane, start, end) for lane in self.lanes.values()]
        return any(marked)

    def add_dead(self, address: int, bits: int) -> None:
        """Note that nothing is to be followed from here."""
        self.dead.add((address, bits))

    def forget(self) -> None:
        """Start anew: all lanes are empty again, but for the marks."""
        self.lanes = {}

    def followed(self) -> int:
        """How many instructions and marks the lanes hold."""
        return sum(lane.size - lane.lengths.count(0) for lane in self.lanes.values())

    def _new_lane(self, section: Section, index: int, bits: int) -> Lane:
        seen = self._seen.setdefault((index, bits), Seen(section.size))
        lane = Lane(section, index, bits, self.code(index), seen)
        for start, end in self.data:
            self._mark_data(lane, start, end)
        first = bisect_right(self._fields, lane.base - 1)
        for field in self._fields[first : bisect_right(self._fields, lane.end - 1)]:
            lane.lengths[field - lane.base] = FIELD
        first = bisect_left(self._borders, lane.base)
        lane.borders = [at - lane.base for at in self._borders[first : bisect_left(self._borders, lane.end)]]
        lane.mark_borders(0, lane.size)
        for address, mode in self.dead:
            if mode == bits and lane.base <= address < lane.end:
                lane.lengths[address - lane.base] = DEAD
        return lane

    def _mark_data(self, lane: Lane, start: int, end: int) -> bool:
        if end <= lane.base or start >= lane.end:
            return False
        part = lane.lengths[max(start - lane.base, 0) : end - lane.base]
        followed = any(0 < length < MARKS for length in part)
        lane.mark(start, end, DATA)
        return followed
