# SPDX-License-Identifier: GPL-2.0-or-later
"""Reading a program's bytes by address, across its sections."""

import struct
from bisect import bisect_right
from collections.abc import Iterable
from operator import attrgetter

from patcher.binary.model import Section


class AddressSpace:
    """Sections, sorted, as one space of addresses. Nothing is copied."""

    def __init__(self, sections: Iterable[Section]) -> None:
        self._sections = sorted(sections, key=attrgetter("address"))
        self._starts = [section.address for section in self._sections]

    def section_at(self, address: int) -> Section | None:
        """The section that holds an address."""
        index = bisect_right(self._starts, address) - 1
        if index < 0 or address >= self._sections[index].end:
            return None
        return self._sections[index]

    def view(self, address: int, size: int | None = None) -> memoryview:
        """The bytes from `address` on, of one section and of its file part only: at most `size`, maybe none."""
        section = self.section_at(address)
        if section is None:
            return memoryview(b"")
        start = address - section.address
        return section.data[start : len(section.data) if size is None else start + size]

    def joined(self, address: int, size: int) -> bytes:
        """The `size` bytes from `address` on, across sections that touch; fewer where the file has no more."""
        found = bytearray()
        while len(found) < size:
            part = self.view(address + len(found), size - len(found))
            if not part:
                break
            found += part
        return bytes(found)

    def words(self, address: int, size: int, form: str) -> tuple[int, ...]:
        """The whole little-endian words ("I" or "Q") in `[address, address + size)`."""
        width = struct.calcsize("<" + form)
        view = self.view(address, max(size, 0))
        count = len(view) // width
        return struct.unpack_from(f"<{count}{form}", view)
