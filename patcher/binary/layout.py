# SPDX-License-Identifier: GPL-2.0-or-later
"""Sections as a file's headers claim them, made an order that can be searched."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import pairwise

from patcher.binary.model import Section
from patcher.errors import PatcherError


def apart(sections: Iterable[Section], name: str, size: int) -> tuple[Section, ...]:
    """Sections by address. Refuses those that overlap, and those that show a file's `size` bytes over and over."""
    ordered = tuple(sorted((s for s in sections if s.size), key=lambda section: section.address))
    for low, high in pairwise(ordered):
        if low.end > high.address:
            raise PatcherError(
                f"The sections {low.name!r} and {high.name!r} of {name} overlap at {high.address:#x}."
            )
    if sum(len(section.data) for section in ordered) > 2 * size:
        raise PatcherError(f"The sections of {name} together claim more bytes than twice the file has.")
    return ordered


def section_at(sections: Sequence[Section], address: int) -> Section | None:
    """The section that holds an address, of sections in order."""
    index = bisect_right(sections, address, key=lambda section: section.address) - 1
    section = sections[index] if index >= 0 else None
    return section if section and address < section.end else None


def is_code(sections: Sequence[Section], address: int) -> bool:
    """Whether an address lies in the bytes of an executable section."""
    section = section_at(sections, address)
    return section is not None and section.executable and address - section.address < len(section.data)
