# SPDX-License-Identifier: GPL-2.0-or-later
"""Trying addresses at which code may start, although no followed path leads there.

Each is followed on trial: it must lead to nothing but code, overlap none, and look like code. What the program itself
names, by a relocation or by the address in a followed instruction, counts as reached when it is the start of a
function; the rest is likely.
"""

from typing import Final

from patcher.follow.edges import Via, key_of, split
from patcher.follow.evidence import keeps_tables_in_code, tables_in_code, taken
from patcher.follow.explorer import Explorer
from patcher.follow.likelihood import is_text, plausibility, score
from patcher.follow.modes import START, Processor, starts_protected_mode
from patcher.follow.padding import padding_before
from patcher.follow.remains import remains
from patcher.follow.trial import attempt

NAMED: Final = 0.0
"""Bits of evidence that a named place and its neighbours must show: little, for something names it."""
_IN_TABLE: Final = -1.0
"""How much the mean instruction at a place in a table of pointers must look like code."""
_LOOK: Final = 24
"""How many instructions are judged."""


def try_named(x: Explorer) -> bool:
    """Follow what the program names, until it names nothing new that looks like code."""
    changed = False
    while True:
        x.vicinity.add(_named(x))
        stayed = [_try_named(x, key, evidence) for key, evidence in x.vicinity.judge()]
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
    if not keeps_tables_in_code(x.binary):
        return []
    return sorted(set(tables_in_code(x.space, remains(x.space).gaps)))


def _try_in_table(x: Explorer, address: int) -> bool:
    bits = x.binary.mode
    lane = x.space.lane(address, bits)
    if lane is None or not padding_before(lane, address - lane.base):
        return False
    return plausibility(lane, address - lane.base, _LOOK) > _IN_TABLE and _attempt(x, address, bits)


def _try_named(x: Explorer, key: int, evidence: float) -> bool:
    """Follow what is named, once; it may be what another processor starts with, in real mode."""
    address, bits = split(key)
    lane = x.space.lane(address, bits)
    if lane is None:
        return False
    is_start = starts_protected_mode(lane.code, address - lane.base)
    if not is_start and evidence <= NAMED:
        return False
    x.vicinity.tried(key)
    return _try_real_mode(x, address) if is_start else _attempt(x, address, bits)


def _try_real_mode(x: Explorer, address: int) -> bool:
    """Follow what another processor starts with."""
    lane = x.space.lane(address, 16)
    edge = (address, 16, Via.POINTER, 0, key_of(address, 16), Processor(page=address))
    return lane is not None and lane.is_free(address - lane.base) and attempt(x, edge)


def _named(x: Explorer) -> set[int]:
    """Keys of the addresses that relocations, data and followed instructions name, and of what is copied over code."""
    mode = x.binary.mode
    found = {key_of(address, mode) for address in x.binary.pointers}
    found.update(key_of(one.source, mode) for one in x.space.rewrites.places if one.size)
    for lane in list(x.space.lanes.values()):
        found.update(key_of(address, lane.bits) for address in taken(x.space, x.knowledge, lane))
    found.update(key_of(address, mode) for address in x.space.named_by_data)
    return found


def try_at(x: Explorer, address: int, bits: int, least: float) -> bool:
    """Follow one address on trial, if it looks like code, among data even more so; True when it was not followed before
    and is now."""
    lane = None if x.over() else x.space.lane(address, bits)
    if lane is None or not lane.is_free(address - lane.base):
        return False
    offset = address - lane.base
    total, _ = score(lane, offset, _LOOK)
    looks = total > least - (4.0 if padding_before(lane, offset) else 0.0)
    return looks and x.vicinity.evidence(key_of(address, bits)) > NAMED and _attempt(x, address, bits)


def _attempt(x: Explorer, address: int, bits: int) -> bool:
    """Follow one address on trial, unless it is followed already, in whatever mode, lies inside an instruction, or
    holds text."""
    lane = None if x.over() else x.space.lane(address, bits)
    if lane is None or not lane.is_free(address - lane.base):
        return False
    offset = address - lane.base
    if x.space.followed_in(address) or lane.covers(offset) is not None or is_text(lane, offset):
        return False
    return attempt(x, (address, bits, Via.POINTER, 0, key_of(address, bits), START))
