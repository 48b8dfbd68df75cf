# SPDX-License-Identifier: GPL-2.0-or-later
"""Where a reader puts what it finds, one table at a time, until it can be made a `Binary`.

Tables of a file contradict each other and, in hostile files, themselves. What is gathered is filtered once,
here: an entry counts only inside an executable section, of several reasons for one entry the best is kept, and
the result is sorted. The lists hold plain tuples, since a kernel has some hundred thousand rows.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from operator import attrgetter
from typing import TypeVar

from patcher.binary.model import Binary, Entry, Function, Origin, Privilege, Rewritten, Section, Symbol
from patcher.binary.noreturn import never_returns
from patcher.errors import PatcherError
from patcher.x86.address import Gva

_Row = TypeVar("_Row", bound=tuple[int, *tuple[object, ...]])
#: Origins, the best reason first.
_ORDER = {origin: rank for rank, origin in enumerate(Origin)}


class Extents:
    """Sorted, disjoint address ranges, asked for membership."""

    def __init__(self, ranges: Iterable[tuple[int, int]]) -> None:
        ordered = sorted(ranges)
        self._starts = [start for start, _ in ordered]
        self._ends = [end for _, end in ordered]

    def __contains__(self, address: int) -> bool:
        index = bisect_right(self._starts, address) - 1
        return index >= 0 and address < self._ends[index]

    @property
    def span(self) -> tuple[int, int]:
        """From the first to the last address."""
        return (self._starts[0], self._ends[-1]) if self._starts else (0, 0)

    def inside(self, addresses: Iterable[int]) -> list[int]:
        """Those of `addresses` that lie in a range, sorted and each once."""
        ordered = sorted(set(addresses))
        kept: list[int] = []
        for start, end in zip(self._starts, self._ends, strict=True):
            kept += ordered[bisect_left(ordered, start) : bisect_left(ordered, end)]
        return kept

    def rows_inside(self, rows: Iterable[_Row]) -> list[_Row]:
        """Those of `rows`, tuples whose first field is an address, that lie in a range; sorted and each once."""
        ordered = sorted(set(rows))
        kept: list[_Row] = []
        for start, end in zip(self._starts, self._ends, strict=True):
            kept += ordered[bisect_left(ordered, (start,)) : bisect_left(ordered, (end,))]
        return kept


@dataclass(slots=True)
class Gathering:
    """What is known so far about one program. Addresses are those at which its code believes it runs."""

    format: str
    mode: int
    privilege: Privilege
    sections: list[Section]
    entries: dict[tuple[int, int], tuple[Origin, str]] = field(default_factory=dict)
    symbols: list[tuple[int, str, int, bool]] = field(default_factory=list)
    functions: dict[int, tuple[int, str]] = field(default_factory=dict)
    rewritten: set[tuple[int, int, str, int, int, tuple[int, ...]]] = field(default_factory=set)
    pointers: set[int] = field(default_factory=set)
    guesses: set[int] = field(default_factory=set)
    """Words of data that look like addresses of code, where no relocation tells those that are."""
    fields: list[int] = field(default_factory=list)
    imports: list[tuple[int, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    marks: dict[str, int] = field(default_factory=dict)
    """Symbols that stand at the ends of tables: "__start_mcount_loc"."""
    never: set[int] = field(default_factory=set)
    """Where a function that does not return is called through: PLT entries and GOT slots."""
    release: tuple[int, int] = (0, 0)
    relocated: bool = False
    """Do relocations name every address that it holds?"""
    unread: set[str] = field(default_factory=set)

    def enter(self, address: int, origin: Origin, name: str = "", mode: int | None = None) -> None:
        """Code starts at `address`."""
        key = (address, mode or self.mode)
        known = self.entries.get(key)
        if known is None or _ORDER[origin] < _ORDER[known[0]]:
            self.entries[key] = (origin, name or (known[1] if known else ""))
        elif name and not known[1]:
            self.entries[key] = (known[0], name)

    def named(self, name: str) -> Iterator[Section]:
        """Every section of this name."""
        return (section for section in self.sections if section.name == name)

    def code(self) -> Extents:
        """The executable sections."""
        return Extents((section.address, section.end) for section in self.sections if section.executable)

    def binary(self, place: str, name: str) -> Binary:
        """All of it as a `Binary` at `place` in its file; `name` is for the sentence if sections overlap."""
        sections = tuple(sorted(self.sections, key=attrgetter("address")))
        for low, high in pairwise(sections):
            if low.end > high.address:
                raise PatcherError(f"In {name}, {low.name} and {high.name} overlap at {high.address:#x}.")
        code = self.code()
        return Binary(
            place,
            self.format,
            self.mode,
            self.privilege,
            sections,
            tuple(Entry(*key, *self.entries[key]) for key in code.rows_inside(self.entries)),
            tuple([Symbol(Gva(row[0]), *row[1:]) for row in code.rows_inside(self.symbols)]),
            self._functions(code),
            tuple([Rewritten(*row) for row in code.rows_inside(self.rewritten)]),
            tuple(code.inside(self.pointers | self.guesses)),
            tuple(code.inside(self.fields)),
            self._returns_never(code),
            tuple(Symbol(Gva(address), text) for address, text in sorted(self.imports)),
            tuple(self.notes),
            self.release,
            tuple(sorted(self.unread)),
            self.relocated,
        )

    def _functions(self, code: Extents) -> tuple[Function, ...]:
        rows = ((start, *self.functions[start]) for start in code.inside(self.functions))
        return tuple([Function(*row) for row in rows if row[1] > row[0]])

    def _returns_never(self, code: Extents) -> tuple[int, ...]:
        found = {address for address, text in self.imports if never_returns(text, imported=True)}
        found.update(code.inside(row[0] for row in self.symbols if never_returns(row[1])))
        return tuple(sorted(found | self.never))
