# SPDX-License-Identifier: GPL-2.0-or-later
"""The symbol table that Linux carries for itself: what names the functions of a stripped kernel.

Linux, scripts/kallsyms.c and kernel/kallsyms.c. Names are strings of tokens; `kallsyms_markers` has the offset
of every 256th name. The order of the tables is told by the version: addresses stand in front (up to 6.3) or
behind. Nothing points to the tables, so they are found by the one whose look is known, the tokens.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

from patcher.binary.address_space import AddressSpace
from patcher.binary.gathering import Gathering
from patcher.binary.model import Origin, Section

DIGITS = b"".join(bytes([digit, 0]) for digit in b"0123456789")
"""Tokens 0x30 to 0x39: every digit stands for itself."""
TOKENS, STRIDE, LONGEST = 256, 256, 1 << 10
FEWEST, MOST = 4, 64
"""Bytes that a name and its share of the tables take, at least and at most."""
REACH = 32 << 20
SAMPLE = 20
TRIES = 64
"""Places that look right and are looked at closely; a kernel has less than ten."""
TYPES = frozenset(bytes([letter]) for letter in b"aAbBcCdDgGnNrRsStTuUvVwW?")
EDGES = re.compile(r"_*(?:[se]?text|[se]inittext|.*_(?:start|end|begin)|(?:start|stop|end)_.*)", re.DOTALL)
"""Names of a region's ends rather than of what is there."""


@dataclass(frozen=True, slots=True)
class Tables:
    """Offsets into one section of what was found, and how words are there."""

    data: bytes
    width: int
    tokens: list[bytes]
    tokens_start: int
    index_end: int
    names: int = 0
    count: int = 0
    count_at: int = 0


def read_kallsyms(into: Gathering) -> bool:
    """Take over the kernel's own symbols; whether it has any."""
    for section in list(into.sections):
        if not section.executable and (found := _find(section, 8 if into.mode == 64 else 4)):
            addresses = _addresses(found, into)
            if addresses:
                _take(list(zip(addresses, _names(found), strict=False)), into)
                return True
    return False


def _find(section: Section, width: int) -> Tables | None:
    data = bytes(section.data)
    at = data.find(DIGITS)
    for _ in range(TRIES):
        if at < 0:
            return None
        tables = _tokens(data, at, width)
        if tables:
            return _names_of(tables)
        at = data.find(DIGITS, at + 1)
    return None


def _tokens(data: bytes, digits: int, width: int) -> Tables | None:
    """The token table around the digits, if the index behind it agrees."""
    start = digits - 1
    for _ in range(0x30):
        start = data.rfind(b"\0", max(0, start - LONGEST), start)
        if start < 0:
            return None
    tokens = data[start + 1 : start + 1 + TOKENS * 64].split(b"\0", TOKENS)[:TOKENS]
    if len(tokens) < TOKENS:
        return None
    offsets, end = [], 0
    for token in tokens:
        offsets.append(end)
        end += len(token) + 1
    index = -(-(start + 1 + end) // width) * width
    wanted = struct.pack(f"<{TOKENS}H", *(offset & 0xFFFF for offset in offsets))
    if data[index : index + len(wanted)] != wanted:
        return None
    return Tables(data, width, tokens, start + 1, index + len(wanted))


def _names_of(tables: Tables) -> Tables | None:
    """The names in front of the tokens: where they start and how many they are.

    Between them and the tokens stand the markers (4 bytes for 256 names; up to 4.19 a word of the kernel's width)
    and in some versions an order of the names (3 bytes each), so their number says about where it stands itself.
    """
    end = tables.tokens_start // 4 * 4
    low = max(0, end - REACH) // 4 * 4
    words, tries = memoryview(tables.data)[low:end].cast("I"), TRIES
    for index, count in enumerate(words):
        room = end - low - 4 * index
        if FEWEST * count < room < MOST * count and count >= STRIDE:
            count_at = low + 4 * index
            names = -(-(count_at + 4) // tables.width) * tables.width
            if not tries or not _begin_names(tables, names):
                continue
            tries -= 1
            if _are_names(tables, names, count):
                return replace(tables, names=names, count=count, count_at=count_at)
    return None


def _begin_names(tables: Tables, at: int) -> bool:
    """Whether a few names start here, each with a type letter."""
    limit, data = tables.tokens_start, tables.data
    for _ in range(SAMPLE):
        if at >= limit:
            return False
        length, start = _length(data, at)
        if not 0 < length < LONGEST or start >= limit or tables.tokens[data[start]][:1] not in TYPES:
            return False
        at = start + length
    return True


def _are_names(tables: Tables, names: int, count: int) -> bool:
    """Whether `count` names are here, with the markers behind them."""
    limit, data = tables.tokens_start, tables.data
    at, second = names, 0
    for index in range(count):
        if index == STRIDE:
            second = at - names
        length, at = _length(data, at)
        at += length
        if at > limit:
            return False
    markers = -(-at // tables.width) * tables.width
    return any(
        data[markers : markers + 2 * width] == bytes(width) + second.to_bytes(width, "little")
        for width in (4, tables.width)
    )


def _length(data: bytes, at: int) -> tuple[int, int]:
    """A name's length in tokens and where they start (from 6.1 on, long ones take two bytes)."""
    length = data[at]
    if length & 0x80:
        return length & 0x7F | data[at + 1] << 7, at + 2
    return length, at + 1


def _names(tables: Tables) -> Iterator[str]:
    """Each symbol's type letter and name, in the order of the addresses."""
    at, data, tokens, limit = tables.names, tables.data, tables.tokens, tables.tokens_start
    for _ in range(tables.count):
        length, at = _length(data, at)
        if at + length > limit:
            return
        yield b"".join([tokens[byte] for byte in data[at : at + length]]).decode("latin-1")
        at += length


def _addresses(tables: Tables, into: Gathering) -> list[int]:
    """Every symbol's address; none when no form makes sense."""
    width, count = tables.width, tables.count
    room = -(-4 * count // width) * width
    base_at = (tables.count_at - width) // width * width
    forms = [(base_at - room, base_at)]
    behind = -(-tables.index_end // width) * width
    forms.append((behind, behind + room))
    for start, base in forms:
        if start >= 0 and base + width <= len(tables.data):
            found = _relative(tables, start, base)
            if _plausible(found, into):
                return found
    start = base_at + width - width * count
    if start >= 0:
        found = list(struct.unpack_from(f"<{count}{'Q' if width == 8 else 'I'}", tables.data, start))
        if _plausible(found, into):
            return found
    return []


def _relative(tables: Tables, start: int, base_at: int) -> list[int]:
    """Offsets from a base. With per-CPU symbols kept absolute, the others are counted downwards from -1."""
    base = int.from_bytes(tables.data[base_at : base_at + tables.width], "little")
    offsets = struct.unpack_from(f"<{tables.count}i", tables.data, start)
    if tables.width == 8 and sum(offset < 0 for offset in offsets[::64]) > len(offsets[::64]) // 4:
        return [base - 1 - offset if offset < 0 else offset for offset in offsets]
    return [base + (offset & 0xFFFFFFFF) for offset in offsets]


def _plausible(addresses: list[int], into: Gathering) -> bool:
    """Most of a kernel's symbols are in its sections."""
    sample = addresses[:: max(1, len(addresses) // 100)]
    inside = sum(any(s.address <= at < s.end for s in into.sections) for at in sample)
    return inside * 2 > len(sample)


def _take(rows: list[tuple[int, str]], into: Gathering) -> None:
    """Functions as entries with extents up to the next symbol; ends of tables as marks."""
    code, space = into.code(), AddressSpace(into.sections)
    rows.sort()
    for (address, text), (following, _) in pairwise([*rows, (1 << 64, "")]):
        kind, name = text[:1], text[1:]
        if kind not in "tTwW" or address not in code:
            if name.startswith(("__start_", "__stop_")):
                into.marks[name] = address
            continue
        into.symbols.append((address, name, 0, True))
        if not EDGES.fullmatch(name):
            into.enter(address, Origin.SYMBOL, name)
            section = space.section_at(address)
            if following > address and section is not None:
                into.functions.setdefault(address, (min(following, section.end), name))
