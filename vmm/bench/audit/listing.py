# SPDX-License-Identifier: GPL-2.0-or-later
"""The listing of GNU as (`-alnm`), read back: for each source line its offset in its section and all of its bytes.

A line's bytes go on in lines that have its number only. Lines out of a macro or a repetition begin with `>` and
repeat the number of the line that made them. (GNU as manual, section 2.1, "Enable Listings".)
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from vmm.errors import VmmError

OPTIONS: Final = (
    "--listing-lhs-width=16", "--listing-lhs-width2=16", "--listing-rhs-width=4000", "--listing-cont-lines=1000000",
)  # fmt: skip
_LINE: Final = re.compile(r"\s*(\d+) ([0-9a-f]{4,8}|\?{4}| {4,8}) ([0-9A-F ]*)(?:\t(>*)(.*))?$")


class ListingError(VmmError):
    """A listing that is not understood."""


@dataclass(slots=True)
class ListedLine:
    """`offset` is None where nothing was laid down. `depth` is 0 in the source, more inside macros."""

    number: int
    offset: int | None
    text: str
    depth: int
    raw: bytearray = field(default_factory=bytearray)


def parse(lines: Iterable[str]) -> list[ListedLine]:
    """Every line of a listing, with its continuations taken in."""
    found: list[ListedLine] = []
    for line in lines:
        line = line.rstrip("\r\n\f ")
        if not line or line.startswith("****"):  # a warning stands before the line it means
            continue
        match = _LINE.match(line)
        if match is None:
            raise ListingError(f"The assembler's listing has a line that is not understood: {line[:80]!r}.")
        number, offset, digits, marks, text = match.groups()
        raw = bytes.fromhex(digits)
        if text is None:
            _continue(found, int(number), raw)
        else:
            where = int(offset, 16) if raw else None
            found.append(ListedLine(int(number), where, text, len(marks), bytearray(raw)))
    return found


def _continue(found: list[ListedLine], number: int, raw: bytes) -> None:
    if not found or found[-1].number != number:
        raise ListingError(f"Line {number} of the assembler's listing continues a line that is not there.")
    found[-1].raw += raw
