# SPDX-License-Identifier: GPL-2.0-or-later
"""Words that hold addresses of code, found by one regular expression over their upper bytes."""

import re
from collections.abc import Iterator
from typing import Final

from patcher.binary.model import Binary, Privilege, Section

LOW: Final = 0xFFFFFFFF
RELATIVE_LEA: Final = re.compile(rb"[\x48\x4c]\x8d[\x05\x0d\x15\x1d\x25\x2d\x35\x3d]")
"""lea disp(%rip), without its four bytes of displacement."""
LOWEST_ABSOLUTE: Final = 0x1000
"""Below this, words of data are small numbers, not addresses."""


_GATE: Final = re.compile(rb"[\0-\7][\x8c\x8e\x8f\xac\xae\xaf\xcc\xce\xcf\xec\xee\xef]")
"""What is in the middle of one that is present: no parameters (in 64-bit mode a stack), and its type."""
_BEFORE_TYPE: Final = 4
_LONG_GATE: Final = 12
"""In 64-bit mode; what follows is reserved."""


def words_into(data: bytes, start: int, end: int) -> Iterator[int]:
    """Offsets at which a 32-bit word of `data` is the low half of an address in `[start, end)`."""
    low, high = start & LOW, (end - 1) & LOW
    if start >= end or low > high:
        return
    third, fourth = (low >> 16 & 0xFF, high >> 16 & 0xFF), (low >> 24, high >> 24)
    if fourth[0] != fourth[1]:
        third = (0, 0xFF)
    pattern = b"(?=..[%b-%b][%b-%b])" % tuple(re.escape(bytes([n])) for n in (*third, *fourth))
    for match in re.compile(pattern, re.DOTALL).finditer(data):
        at = match.start()
        if low <= int.from_bytes(data[at : at + 4], "little") <= high:
            yield at


def gates(binary: Binary) -> Iterator[int]:
    """Addresses of code in gates of an IDT or GDT (SDM vol. 3A, 6.11 and 6.14.1): in two or three parts, as no word."""
    if binary.privilege is Privilege.USER or binary.relocated:
        return
    for section in binary.sections:
        data = bytes(section.data)
        for match in _GATE.finditer(data, _BEFORE_TYPE):
            start = match.start() - _BEFORE_TYPE
            address = _named_by_gate(data[start : start + _LONG_GATE], 64 if binary.mode == 64 else 32)
            target = binary.section_at(address)
            if target is not None and target.executable and address >= LOWEST_ABSOLUTE:
                yield address


def _named_by_gate(data: bytes, bits: int) -> int:
    """The address in one; 0 when its selector is null."""
    low, high = data[:2], data[6:8] if bits == 32 else data[6:]
    return int.from_bytes(low + high, "little") if any(data[2:4]) else 0


def data_words(binary: Binary) -> Iterator[int]:
    """Aligned words of data that are addresses in executable sections; relocations tell better where they are."""
    if binary.pointers or binary.relocated:
        return
    size = 8 if binary.mode == 64 else 4
    for target in binary.sections:
        if target.executable and target.address >= LOWEST_ABSOLUTE:
            for section in binary.sections:
                if not section.executable:
                    yield from _words(section, target, size)


def _words(section: Section, target: Section, size: int) -> Iterator[int]:
    data = bytes(section.data)
    for at in words_into(data, target.address, target.address + len(target.data)):
        if (section.address + at) % size == 0:
            word = int.from_bytes(data[at : at + size], "little")
            if target.address <= word < target.address + len(target.data):
                yield word


def taken_addresses(code: bytes, base: int) -> Iterator[int]:
    """What `lea disp(%rip)` would take, wherever one can be decoded in 64-bit code at `base`."""
    for match in RELATIVE_LEA.finditer(code):
        at = match.end()
        yield base + at + 4 + int.from_bytes(code[at : at + 4], "little", signed=True)
