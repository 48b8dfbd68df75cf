# SPDX-License-Identifier: GPL-2.0-or-later
"""Guest RAM, and the guest-physical space around it where nothing answers.

RAM is one anonymous mapping shared with the engine; guest-physical addresses count from 0. Reads outside it give all
ones and writes are dropped, as on an ISA bus with no device there. Code pages must know of every write that does not
pass through the engine: `on_write` is called with the page number before a byte of a watched page changes.
"""

import contextlib
import mmap
from collections.abc import Callable, Container

PAGE = 4096
MIB = 1 << 20


def _nobody(ppn: int) -> None:
    raise AssertionError(f"page {ppn:#x} is watched but nobody watches")


class GuestMemory:
    """`size` bytes of RAM (a multiple of the page size); `watched` holds the page numbers that contain code."""

    def __init__(self, size: int) -> None:
        if size <= 0 or size % PAGE:
            raise ValueError(f"guest RAM of {size} bytes is not a whole number of pages")
        self.size = size
        self.map = mmap.mmap(-1, size)
        self.bytes = memoryview(self.map)
        self.words = self.bytes.cast("I")
        self.pages = size // PAGE
        self.watched: Container[int] = ()
        self.on_write: Callable[[int], None] = _nobody

    def read(self, gpa: int, size: int) -> int:
        """`size` bytes at `gpa` as a little-endian number; the caller keeps within one page."""
        if gpa + size <= self.size:
            return int.from_bytes(self.bytes[gpa : gpa + size], "little")
        return (1 << 8 * size) - 1

    def write(self, gpa: int, size: int, value: int) -> None:
        if gpa >> 12 in self.watched:
            self.on_write(gpa >> 12)
        if gpa + size <= self.size:
            self.bytes[gpa : gpa + size] = value.to_bytes(size, "little")

    def read32(self, gpa: int) -> int:
        """An aligned word, for page walks."""
        return self.words[gpa >> 2] if gpa < self.size else 0xFFFF_FFFF

    def write32(self, gpa: int, value: int) -> None:
        if gpa >> 12 in self.watched:
            self.on_write(gpa >> 12)
        if gpa < self.size:
            self.words[gpa >> 2] = value

    def page(self, ppn: int) -> memoryview | bytes:
        """The bytes of one page as a fetch sees them."""
        if ppn < self.pages:
            return self.bytes[ppn << 12 : (ppn + 1) << 12]
        return b"\xff" * PAGE

    def discard(self) -> None:
        """Give all but the first MiB (the screen is there) back to the host; it reads as zeroes from now on."""
        with contextlib.suppress(AttributeError, OSError):  # where the host cannot, the collector does it later
            self.map.madvise(mmap.MADV_REMOVE, MIB)
