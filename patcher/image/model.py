# SPDX-License-Identifier: GPL-2.0-or-later
"""What every image format is read into: an `Image` of segments, and the `Format` a reader declares.

Nothing here copies file contents: a segment's `data` is a read-only view of the file, so an image costs no
more memory than its file however many headers claim the same bytes.
"""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from patcher.errors import PatcherError
from patcher.x86.address import Gpa, Gva


@dataclass(frozen=True, slots=True)
class Segment:
    """Bytes that are in memory together. `[address, address + size)`; what `data` does not cover is zero."""

    address: Gva
    """Where its code believes it runs (ELF: p_vaddr)."""
    load: Gpa
    """Where a loader puts it (ELF: p_paddr)."""
    data: memoryview
    size: int
    writable: bool
    executable: bool
    name: str
    """What to call it in a sentence: "program header 2"."""

    @property
    def end(self) -> Gva:
        return Gva(self.address + self.size)

    @property
    def load_end(self) -> Gpa:
        return Gpa(self.load + self.size)


@dataclass(frozen=True, slots=True, order=True)
class Symbol:
    """A name the file gives to an address; `size` is 0 where the file does not say."""

    address: Gva
    name: str
    size: int = 0
    is_function: bool = False


@dataclass(frozen=True, slots=True)
class Image:
    """A file's code and data, where they belong and how they start. `mode` is 16, 32 or 64."""

    name: str
    format: str
    mode: int
    entry: Gva
    segments: tuple[Segment, ...]
    symbols: tuple[Symbol, ...] = ()

    def segment_at(self, address: Gva) -> Segment | None:
        """The segment that holds a guest-virtual address."""
        return next((s for s in self.segments if s.address <= address < s.end), None)

    @property
    def load_entry(self) -> Gpa:
        """The entry point as a guest-physical address: it moves with the segment that holds it."""
        segment = self.segment_at(self.entry)
        return Gpa(self.entry if segment is None else self.entry - segment.address + segment.load)

    def symbol_at(self, address: Gva) -> Symbol | None:
        """The nearest symbol at or below an address (symbols are sorted by address)."""
        index = bisect_right(self.symbols, address, key=lambda symbol: symbol.address)
        return self.symbols[index - 1] if index else None


@dataclass(frozen=True, slots=True)
class Format:
    """A row of the registry: one file of this package each, named `FORMAT` there."""

    name: str
    rank: int
    """Formats are asked in ascending rank; what claims every file comes last."""
    matches: Callable[[bytes], bool]
    """Told by contents alone; answers for any bytes at all and raises nothing."""
    read: Callable[[bytes, str], Image]
    """File contents and file name to `Image`, or a `PatcherError`."""


def check_apart(segments: tuple[Segment, ...], name: str) -> None:
    """Refuse segments that want the same bytes, as seen by the code or by the loader."""
    for kind, key in _VIEWS:
        ordered = sorted(segments, key=key)
        for low, high in pairwise(ordered):
            if key(low) + low.size > key(high):
                raise PatcherError(
                    f"In {name}, {low.name} and {high.name} overlap at {kind} address {key(high):#010x}."
                )


def _address(segment: Segment) -> int:
    return segment.address


def _load(segment: Segment) -> int:
    return segment.load


_VIEWS = (("guest-virtual", _address), ("guest-physical", _load))
