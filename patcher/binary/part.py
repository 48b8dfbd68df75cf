# SPDX-License-Identifier: GPL-2.0-or-later
"""A file, or a part of one, read by offset: every offset is checked before it is used.

A program may lie inside another file (a module in a flash image) or in what was unpacked from one; a `Part`
knows where its bytes are in the file that the user holds.
"""

import struct
from dataclasses import dataclass
from functools import cache

from patcher.errors import PatcherError


@cache
def form(text: str) -> struct.Struct:
    """A compiled `struct` format, little-endian unless it says otherwise."""
    return struct.Struct(text if text[0] in "<>" else "<" + text)


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes with a name for sentences. `offset` is their place in the user's file, None when unpacked."""

    data: memoryview
    name: str
    offset: int | None = 0

    def __len__(self) -> int:
        return len(self.data)

    def numbers(self, layout: str, at: int, what: str) -> tuple[int, ...]:
        """The fields of a `struct` layout at an offset; `what` is what a sentence calls them."""
        compiled = form(layout)
        if at < 0 or at + compiled.size > len(self.data):
            raise self.truncated(what, at, compiled.size)
        return compiled.unpack_from(self.data, at)

    def number(self, layout: str, at: int, what: str) -> int:
        """One field."""
        return self.numbers(layout, at, what)[0]

    def cut(self, at: int, size: int, what: str) -> memoryview:
        """The bytes `[at, at + size)`, all of which must be there."""
        if at < 0 or size < 0 or at + size > len(self.data):
            raise self.truncated(what, at, size)
        return self.data[at : at + size]

    def inner(self, at: int, size: int, what: str, name: str = "") -> "Part":
        """Those bytes as a part of their own."""
        return Part(self.cut(at, size, what), name or self.name, self.place(at))

    def place(self, at: int) -> int | None:
        """An offset in this part as one in the user's file."""
        return None if self.offset is None else self.offset + at

    def truncated(self, what: str, at: int, size: int) -> PatcherError:
        """What to raise when `what` reaches past the end."""
        return PatcherError(
            f"{self.name} is truncated: {what} is at offset {at:#x} with {size:#x} bytes, "
            f"and there are {len(self.data):#x}."
        )


def text_at(data: memoryview, at: int, limit: int = 512) -> str:
    """A zero-terminated name of at most `limit` bytes."""
    raw = bytes(data[at : at + limit])
    return raw.split(b"\0", 1)[0].decode("utf-8", "replace")
