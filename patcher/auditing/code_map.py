# SPDX-License-Identifier: GPL-2.0-or-later
"""A binary with what following it found: the instruction at an address, and those before and after it."""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from patcher.binary.model import Binary, Function, Section, Symbol
from patcher.follow.model import Flow
from patcher.x86.decode import MAX_LENGTH, Truncated, decode
from patcher.x86.insn import Insn

_KEPT: Final = 4096
"""So many decoded instructions are kept: who asks asks again nearby."""


@dataclass(frozen=True, slots=True)
class Place:
    """One instruction at an address."""

    address: int
    insn: Insn


@dataclass
class CodeMap:
    """`binary` seen through `flow`. All addresses are the binary's own."""

    binary: Binary
    flow: Flow
    _index: dict[int, int] = field(init=False)
    _nearest: Section | None = None
    _found: dict[int, list[tuple[int, list[bytearray]]]] = field(default_factory=dict)
    _insns: dict[tuple[int, int], Insn | None] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._index = {section.address: n for n, section in enumerate(self.binary.sections)}

    def section_at(self, address: int) -> Section | None:
        """The section that holds an address; most often the one that was asked for last."""
        nearest = self._nearest
        if nearest is None or not nearest.address <= address < nearest.end:
            nearest = self.binary.section_at(address)
            self._nearest = nearest or self._nearest
        return nearest

    def known(self, section: Section, mode: int, offset: int) -> int:
        """The length of the followed or likely instruction that starts at an offset of a section; 0 for none."""
        key = self._index[section.address], mode
        for table in (self.flow.lengths, self.flow.likely):
            lengths = table.get(key)
            if lengths is not None and 0 <= offset < len(lengths) and lengths[offset]:
                return lengths[offset]
        return 0

    def modes(self, section: Section) -> list[int]:
        """The modes in which code of a section was found."""
        return sorted(mode for mode, _ in self._tables(section))

    def _tables(self, section: Section) -> list[tuple[int, list[bytearray]]]:
        """The lengths of followed and likely instructions of a section, by mode."""
        index = self._index[section.address]
        if index not in self._found:
            found: dict[int, list[bytearray]] = {}
            for table in (self.flow.lengths, self.flow.likely):
                for (number, mode), lengths in table.items():
                    if number == index:
                        found.setdefault(mode, []).append(lengths)
            self._found[index] = sorted(found.items())
        return self._found[index]

    def insn(self, address: int, mode: int) -> Insn | None:
        """What stands at an address, whether it is code or not; None where nothing is or nothing decodes."""
        key = address, mode
        if key not in self._insns:
            if len(self._insns) >= _KEPT:
                self._insns.clear()
            self._insns[key] = self._decoded(address, mode)
        return self._insns[key]

    def _decoded(self, address: int, mode: int) -> Insn | None:
        section = self.section_at(address)
        if section is None:
            return None
        offset = address - section.address
        try:
            return decode(bytes(section.data[offset : offset + MAX_LENGTH]), 0, mode)
        except Truncated:
            return None

    def at(self, address: int, mode: int) -> Place | None:
        """The followed or likely instruction at an address."""
        section = self.section_at(address)
        if section is None or not self.known(section, mode, address - section.address):
            return None
        insn = self.insn(address, mode)
        return None if insn is None else Place(address, insn)

    def after(self, place: Place, count: int) -> list[Place]:
        """The instructions that stand behind one, up to `count`, in order."""
        found: list[Place] = []
        following: Place | None = place
        while len(found) < count and following is not None:
            following = self.at(following.address + following.insn.length, following.insn.bits)
            if following is not None:
                found.append(following)
        return found

    def before(self, address: int, mode: int, count: int) -> list[Place]:
        """The instructions that stand before an address without a gap, up to `count`, the nearest first."""
        found: list[Place] = []
        while len(found) < count:
            place = self._ending_at(address, mode)
            if place is None:
                break
            found.append(place)
            address = place.address
        return found

    def _ending_at(self, address: int, mode: int) -> Place | None:
        section = self.section_at(address - 1)
        if section is None:
            return None
        offset = address - section.address
        for length in range(1, MAX_LENGTH + 1):
            if offset >= length and self.known(section, mode, offset - length) == length:
                return self.at(address - length, mode)
        return None

    def covering(self, address: int, mode: int) -> Iterator[tuple[int, int, int]]:
        """(address, mode, length) of every other known instruction that has the byte at `address` inside it, not as
        its first in the same mode."""
        section = self.section_at(address)
        if section is None:
            return
        offset = address - section.address
        for bits, tables in self._tables(section):
            for back in range(0 if bits != mode else 1, min(MAX_LENGTH, offset + 1)):
                length = _first(tables, offset - back)
                if length > back:
                    yield address - back, bits, length

    def function_at(self, address: int) -> tuple[str, int] | None:
        """Name and start of the function that holds an address, from symbols or unwind data."""
        function = self._range_at(address)
        if function is not None and function.name:
            return function.name, function.start
        symbol = self._symbol_at(address)
        if symbol is not None and (function is None or symbol.address >= function.start):
            return symbol.name, symbol.address
        return None if function is None else (f"func_{function.start:x}", function.start)

    def _range_at(self, address: int) -> Function | None:
        functions = self.binary.functions
        index = bisect_right(self._function_starts, address) - 1
        return functions[index] if index >= 0 and address < functions[index].end else None

    def _symbol_at(self, address: int) -> Symbol | None:
        """The nearest named place at or before an address in the same section; a sized symbol ends where it says."""
        index = bisect_right(self._symbol_starts, address) - 1
        if index < 0:
            return None
        symbol = self._code_symbols[index]
        if self.section_at(symbol.address) is not self.section_at(address):
            return None
        return symbol if not symbol.size or address < symbol.address + symbol.size else None

    @cached_property
    def _function_starts(self) -> list[int]:
        return [function.start for function in self.binary.functions]

    @cached_property
    def _symbol_starts(self) -> list[int]:
        return [symbol.address for symbol in self._code_symbols]

    @cached_property
    def _code_symbols(self) -> list[Symbol]:
        """The symbols in executable sections, functions before other names of one address; the first one counts."""
        best: dict[int, Symbol] = {}
        for symbol in self.binary.symbols:
            section = self.binary.section_at(symbol.address)
            if section is None or not section.executable or not symbol.name:
                continue
            rival = best.get(symbol.address)
            if rival is None or symbol.is_function > rival.is_function:
                best[symbol.address] = symbol
        return sorted(best.values())


def _first(tables: list[bytearray], offset: int) -> int:
    """The first length at an offset that is not 0."""
    for lengths in tables:
        if offset < len(lengths) and lengths[offset]:
            return lengths[offset]
    return 0
