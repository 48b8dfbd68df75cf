# SPDX-License-Identifier: GPL-2.0-or-later
"""Where control may arrive: every place that a patch longer than one byte must not cover.

A superset is enough, and cheap: any byte that looks like a near branch counts, whether it is code or not; short
branches count where an instruction is known to start.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator
from functools import cached_property
from typing import Final

from patcher.auditing.code_map import CodeMap
from patcher.binary.model import Section

_NEAR: Final = re.compile(rb"(?=(?:[\xe8\xe9]|\x0f[\x80-\x8f])(....))", re.DOTALL)
_SHORT: Final = frozenset((*range(0x70, 0x80), 0xE0, 0xE1, 0xE2, 0xE3, 0xEB))
_REACH: Final = 130  # bytes between a short branch's start and its farthest target


class Targets:
    """The places of one binary at which control may arrive from elsewhere."""

    def __init__(self, code: CodeMap) -> None:
        self._code = code

    def inside(self, start: int, end: int, mode: int) -> str:
        """What may arrive in `(start, end)`, as a clause for a sentence; "" when nothing does."""
        for name, places in self._named.items():
            index = bisect_left(places, start + 1)
            if index < len(places) and places[index] < end:
                return f"{name} {places[index]:#x}"
        near = bisect_left(self._near, start + 1)
        if near < len(self._near) and self._near[near] < end:
            return f"a branch may go to {self._near[near]:#x}"
        short = next((at for at in self._short(start, mode) if start < at < end), None)
        return "" if short is None else f"a short branch goes to {short:#x}"

    @cached_property
    def _named(self) -> dict[str, list[int]]:
        binary = self._code.binary
        return {
            "an entry is at": [entry.address for entry in binary.entries],
            "a pointer names": list(binary.pointers),
            "a symbol is at": [symbol.address for symbol in binary.symbols],
            "a function begins at": [function.start for function in binary.functions],
            "a jump table names": sorted(self._table_targets()),
        }

    def _table_targets(self) -> Iterator[int]:
        """What the words of jump tables may mean: addresses, and distances from the table."""
        binary = self._code.binary
        for table in self._code.flow.jump_tables:
            section = binary.section_at(table.address)
            if section is None:
                continue
            data = bytes(section.data[table.address - section.address : table.end - section.address])
            for offset in range(0, len(data) - 3, 4):
                word = int.from_bytes(data[offset : offset + 4], "little")
                yield word
                yield table.address + (word ^ 1 << 31) - (1 << 31)
                yield int.from_bytes(data[offset : offset + 8], "little")

    @cached_property
    def _near(self) -> list[int]:
        found: set[int] = set()
        for section in self._code.binary.sections:
            if section.executable:
                found.update(_near_targets(section))
        return sorted(found)

    def _short(self, around: int, mode: int) -> Iterator[int]:
        section = self._code.binary.section_at(around)
        if section is None:
            return
        middle = around - section.address
        for offset in range(max(0, middle - _REACH), min(len(section.data) - 1, middle + _REACH)):
            if section.data[offset] in _SHORT and self._code.known(section, mode, offset) == 2:
                yield section.address + offset + 2 + (section.data[offset + 1] ^ 0x80) - 0x80


def _near_targets(section: Section) -> Iterator[int]:
    """Targets of all near branches that the bytes of a section can be read as, inside it or not."""
    for match in _NEAR.finditer(section.data):
        after = section.address + match.end(1)
        yield after + int.from_bytes(match[1], "little", signed=True) & 0xFFFF_FFFF_FFFF_FFFF
