# SPDX-License-Identifier: GPL-2.0-or-later
"""Trying addresses at which code may start, although no followed path leads there.

Each is followed on trial: it must lead to nothing but code, overlap none, and look like code. What the program itself
names, by a relocation or by the address in a followed instruction, counts as reached when it is the start of a
function; the rest is likely.
"""

from typing import Final

from patcher.follow.edges import Via, key_of, split
from patcher.follow.evidence import cells, offsets, pointer_mode, tables_in_code, taken
from patcher.follow.explorer import Explorer
from patcher.follow.likelihood import is_text, score
from patcher.follow.modes import START, Processor, starts_protected_mode
from patcher.follow.padding import follows_end, padding_before
from patcher.follow.reading_modes import is_taken, reading
from patcher.follow.remains import remains
from patcher.follow.trial import attempt

NAMED: Final = 0.0
"""Bits of evidence that a named place and its neighbours must show: little, for something names it."""
LEAST: Final = 6.0
"""Bits of evidence that a start must show which may as well be data."""
_ZEROS: Final = b"\0\0"
_LOOK: Final = 24
"""How many instructions are judged."""


def try_named(x: Explorer) -> bool:
    """Follow what the program names, until it names nothing new that looks like code."""
    changed = False
    while True:
        named = _named(x)
        _enter_followed(x, named)
        x.vicinity.add(named)
        stayed = [_try_named(x, key, evidence) for key, evidence in x.vicinity.judge()]
        x.explore([])
        if not any(stayed):
            break
        changed = True
    changed = _try_tables(x) or changed
    x.explore([])
    _drop_inside(x, named)
    _drop_cells(x)
    return changed


def _drop_inside(x: Explorer, named: set[int]) -> None:
    """What is named inside a followed instruction is taken for no start of another one."""
    for address, bits in map(split, named):
        lane = x.space.lane(address, bits)
        if lane is not None and lane.covers(address - lane.base) is not None:
            x.drop(lane, address - lane.base)


def _drop_cells(x: Explorer) -> None:
    """What a call or jump through a fixed address goes to, as the file has it, and was not followed all the same."""
    if x.binary.relocated:
        return
    for lane in list(x.space.lanes.values()):
        for address in cells(x.space, lane) if lane.bits == 32 else ():
            to = x.space.lane(address, 32)
            if to is not None:
                x.drop(to, address - to.base)


def _enter_followed(x: Explorer, named: set[int]) -> None:
    """A named place is one that another way leads to: what is settled there is not, any more."""
    if x.settled.named({split(key)[0] for key in named}):
        x.explore([])


def _try_tables(x: Explorer) -> bool:
    """Follow what tables of pointers between the functions name, until they name nothing new."""
    changed = False
    while sum(_try_in_table(x, address) for address in _in_tables(x)):
        changed = True
    return changed


def _in_tables(x: Explorer) -> list[int]:
    if not x.space.is_flat:
        return []
    return sorted(set(tables_in_code(x.space, remains(x.space).gaps)))


def _try_in_table(x: Explorer, address: int) -> bool:
    bits = pointer_mode(x.binary.mode, address)
    lane = x.space.lane(address, bits)
    if lane is None or not padding_before(lane, address - lane.base):
        return False
    mode = _likeliest_mode(x, address, bits)
    return mode is not None and _try_in(x, address, mode)


def _likeliest_mode(x: Explorer, address: int, bits: int) -> int | None:
    """The mode in which what is named looks most like code; None where it is followed already. Any number may be an
    offset in 16-bit code."""
    if x.space.is_code(address) and is_taken(x.space, address):
        return None
    return reading(x.space, address, bits, named=bits != 16)


def _try_in(x: Explorer, address: int, bits: int) -> bool:
    """Follow what is named. In an image without sections it may as well be data."""
    lane, flat = x.space.lane(address, bits), x.space.is_flat
    if not flat or (lane is not None and follows_end(lane, address - lane.base)):
        return _attempt(x, address, bits, flat)
    return try_at(x, address, bits, LEAST, flat)


def _try_named(x: Explorer, key: int, evidence: float) -> bool:
    """Follow what is named, once; it may be what another processor starts with, in real mode."""
    address, bits = split(key)
    lane = x.space.lane(address, bits)
    if lane is None:
        return False
    if starts_protected_mode(lane.code, address - lane.base):
        x.vicinity.tried(key)
        return _try_real_mode(x, address)
    mode = _likeliest_mode(x, address, bits)
    if mode is None or (evidence if mode == bits else x.vicinity.evidence(key_of(address, mode))) <= NAMED:
        return False
    x.vicinity.tried(key)
    followed = _try_in(x, address, mode)
    if not followed:
        x.drop(lane, address - lane.base)
    return followed


def _try_real_mode(x: Explorer, address: int) -> bool:
    """Follow what another processor starts with."""
    lane = x.space.lane(address, 16)
    edge = (address, 16, Via.POINTER, 0, key_of(address, 16), Processor(page=address))
    return lane is not None and lane.is_free(address - lane.base) and attempt(x, edge)


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


def try_at(x: Explorer, address: int, bits: int, least: float, guessed: bool = False) -> bool:
    """Follow one address on trial, if it looks like code, among data even more so; True when it was not followed before
    and is now. `guessed`: nothing names it, or it may as well be data."""
    lane = None if x.over() else x.space.lane(address, bits)
    if lane is None or not lane.is_free(address - lane.base):
        return False
    offset = address - lane.base
    if guessed and lane.code.startswith(_ZEROS, offset):
        return False
    total, _ = score(lane, offset, _LOOK)
    looks = total > least - (4.0 if padding_before(lane, offset) else 0.0)
    return looks and x.vicinity.evidence(key_of(address, bits)) > NAMED and _attempt(x, address, bits, guessed)


def _attempt(x: Explorer, address: int, bits: int, guessed: bool) -> bool:
    """Follow one address on trial, unless it is followed already, in whatever mode, lies inside an instruction, or
    holds text."""
    lane = None if x.over() else x.space.lane(address, bits)
    if lane is None or not lane.is_free(address - lane.base):
        return False
    offset = address - lane.base
    if x.space.followed_in(address) or lane.covers(offset) is not None or is_text(lane, offset):
        return False
    return attempt(x, (address, bits, Via.POINTER, 0, key_of(address, bits), START), guessed)
