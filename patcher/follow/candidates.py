# SPDX-License-Identifier: GPL-2.0-or-later
"""Trying addresses at which code may start, although no followed path leads there.

Each is followed on trial: it must lead to nothing but code, overlap none, and look like code. What the program itself
names, by a relocation or by the address in a followed instruction, counts as reached when it is the start of a
function; the rest is likely.
"""

from typing import Final

from patcher.follow.edges import Via, key_of
from patcher.follow.evidence import offsets, pointer_mode, tables_in_code, taken
from patcher.follow.explorer import Explorer
from patcher.follow.likelihood import is_text, plausibility, score
from patcher.follow.modes import START, Processor, starts_protected_mode
from patcher.follow.padding import follows_end, padding_before
from patcher.follow.reading_modes import is_taken, reading
from patcher.follow.remains import remains
from patcher.follow.space import Lane
from patcher.follow.trial import attempt

NAMED: Final = -1.0
"""How much the mean instruction at a named place must look like code, in bits."""
LEAST: Final = 6.0
"""Bits of evidence that a start must show which may as well be data."""
_ZEROS: Final = b"\0\0"
_LOOK: Final = 24
"""How many instructions are judged."""


def try_named(x: Explorer) -> bool:
    """Follow what the program names, until it names nothing new."""
    changed = False
    tried: set[int] = set()
    while True:
        found = sorted(_named(x) - tried)
        tried.update(found)
        stayed = [_try_named(x, *_split(key)) for key in found]
        if not any(stayed):
            break
        changed = True
    return _try_tables(x) or changed


def _try_tables(x: Explorer) -> bool:
    """Follow what tables of pointers between the functions name, until they name nothing new."""
    changed = False
    while sum(_try_in_table(x, address) for address in _in_tables(x)):
        changed = True
    return changed


def _in_tables(x: Explorer) -> list[int]:
    return sorted(set(tables_in_code(x.space, remains(x.space).gaps)))


def _try_in_table(x: Explorer, address: int) -> bool:
    bits = pointer_mode(x.binary.mode, address)
    lane = x.space.lane(address, bits)
    begins = lane is not None and padding_before(lane, address - lane.base)
    return begins and _try_in_likeliest_mode(x, address, bits)


def _try_in_likeliest_mode(x: Explorer, address: int, bits: int) -> bool:
    """Follow what is named in the mode in which it looks most like code. In an image without sections it may as well be
    data; and any number may be an offset in 16-bit code."""
    if x.space.is_code(address) and is_taken(x.space, address):
        return False
    return _try_in(x, address, reading(x.space, address, bits, named=bits != 16))


def _try_in(x: Explorer, address: int, bits: int) -> bool:
    lane, flat = x.space.lane(address, bits), x.space.is_flat
    sure = not flat or (lane is not None and follows_end(lane, address - lane.base))
    return try_at(x, address, bits, None if sure else LEAST, flat)


def _try_named(x: Explorer, address: int, bits: int) -> bool:
    """Follow what is named; it may be what another processor starts with, in real mode."""
    index = x.space.section_index(address)
    section = x.binary.sections[index]
    if (
        index >= 0
        and section.executable
        and starts_protected_mode(x.space.code(index), address - section.address)
    ):
        lane = x.space.lane(address, 16)
        edge = (address, 16, Via.POINTER, 0, key_of(address, 16), Processor(page=address))
        return lane is not None and lane.is_free(address - lane.base) and attempt(x, edge)
    return _try_in_likeliest_mode(x, address, bits)


def _split(key: int) -> tuple[int, int]:
    return key >> 7, key & 127


def _named(x: Explorer) -> set[int]:
    """Keys of the addresses that relocations, data and followed instructions name, and of what is copied over code."""
    mode = x.binary.mode
    found = {_key(address, mode) for address in x.binary.pointers}
    found.update(key_of(one.source, mode) for one in x.space.rewrites.places if one.size)
    for lane in list(x.space.lanes.values()):
        found.update(_key(address, lane.bits) for address in taken(x.space, x.knowledge, lane))
        if lane.bits == 16:
            found.update(key_of(address, 16) for address in offsets(x.space, lane))
    found.update(_key(address, mode) for address in x.space.named_by_data)
    return found


def _key(address: int, bits: int) -> int:
    return key_of(address, pointer_mode(bits, address))


def try_at(x: Explorer, address: int, bits: int, least: float | None, guessed: bool = False) -> bool:
    """Follow one address on trial; True when it was not followed before and is now."""
    lane = x.space.lane(address, bits)
    if lane is None or not lane.is_free(address - lane.base) or lane.covers(address - lane.base) is not None:
        return False
    offset = address - lane.base
    if guessed and lane.code.startswith(_ZEROS, offset):
        return False
    if is_text(lane, offset) or not _looks_like_code(lane, offset, least):
        return False
    owner = key_of(address, bits)
    return attempt(x, (address, bits, Via.POINTER, 0, owner, START), guessed)


def _looks_like_code(lane: Lane, offset: int, least: float | None) -> bool:
    """Are its first instructions commoner in code than in data? None asks for little: the program names the place."""
    if least is None:
        return plausibility(lane, offset, _LOOK) > NAMED
    total, _ = score(lane, offset, _LOOK)
    return total > least - (4.0 if padding_before(lane, offset) else 0.0)
