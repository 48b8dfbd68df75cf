# SPDX-License-Identifier: GPL-2.0-or-later
"""Where a reader puts what it finds, one table at a time, until it can be made a `Binary`.

Tables of a file contradict each other and, in hostile files, themselves. What is gathered is filtered once,
here: an entry counts only inside an executable section, of several reasons for one entry the best is kept, and
the result is sorted. The lists hold plain tuples, since a kernel has some hundred thousand rows.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from operator import attrgetter

from patcher.binary.model import Binary, Entry, Function, Origin, Privilege, Rewritten, Section, Symbol
from patcher.binary.noreturn import never_returns
from patcher.errors import PatcherError
from patcher.x86.address import Gva

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

    def inside(self, addresses: Iterable[int]) -> list[int]:
        """Those of `addresses` that lie in a range, sorted and each once."""
        ordered = sorted(set(addresses))
        kept: list[int] = []
        for start, end in zip(self._starts, self._ends, strict=True):
            kept += ordered[bisect_right(ordered, start - 1) : bisect_right(ordered, end - 1)]
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
    rewritten: set[tuple[int, int, str]] = field(default_factory=set)
    pointers: set[int] = field(default_factory=set)
    fields: list[int] = field(default_factory=list)
    imports: list[tuple[int, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    marks: dict[str, int] = field(default_factory=dict)
    """Symbols that stand at the ends of tables: "__start_mcount_loc"."""
    never: set[int] = field(default_factory=set)
    """Where a function that does not return is called through: PLT entries and GOT slots."""

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
            self._entries(code),
            tuple(Symbol(Gva(row[0]), *row[1:]) for row in sorted(set(self.symbols)) if row[0] in code),
            self._functions(code),
            tuple(Rewritten(*row) for row in sorted(self.rewritten) if row[0] in code),
            tuple(code.inside(self.pointers)),
            tuple(code.inside(self.fields)),
            self._returns_never(code),
            tuple(Symbol(Gva(address), text) for address, text in sorted(self.imports)),
            tuple(self.notes),
        )

    def _entries(self, code: Extents) -> tuple[Entry, ...]:
        rows = sorted(self.entries.items())
        return tuple(Entry(at, mode, *reason) for (at, mode), reason in rows if at in code)

    def _functions(self, code: Extents) -> tuple[Function, ...]:
        return tuple(
            Function(start, end, text)
            for start, (end, text) in sorted(self.functions.items())
            if end > start and start in code
        )

    def _returns_never(self, code: Extents) -> tuple[int, ...]:
        found = {address for address, text in self.imports if never_returns(text, imported=True)}
        found.update(row[0] for row in self.symbols if row[0] in code and never_returns(row[1]))
        return tuple(sorted(found | self.never))
