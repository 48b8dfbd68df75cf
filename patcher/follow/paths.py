# SPDX-License-Identifier: GPL-2.0-or-later
"""Looking back along followed code: the instructions before one, and the weakest step that led to it."""

from collections.abc import Container, Mapping
from typing import Final

from patcher.follow.edges import WEAK, Via, key_of, step_of
from patcher.follow.evaluate import Step
from patcher.follow.lane import Lane
from patcher.follow.modes import instruction
from patcher.follow.space import Space
from patcher.x86.walk import BRANCH, CALL, STOP

Parents = Mapping[int, int]
"""Key of where a run starts → the step that leads there (`edges.parent_of`)."""

_EVENTS: Final = frozenset((0xF4, 0xCC, 0xCD, 0xCE, 0xF1))


def is_event(lane: Lane, offset: int) -> bool:
    """Is it a halt, a trap or a system call, behind which the path may or may not go on?"""
    code = lane.code
    return code[offset] in _EVENTS or (
        code[offset] == 0x0F and code[offset + 1 : offset + 2] in (b"\x05", b"\x34")
    )


def _is_weak(lane: Lane, offset: int) -> bool:
    """May control not go on behind this instruction?"""
    kind = lane.entry(offset) >> 4
    return bool(kind & CALL) or (bool(kind & BRANCH) and not kind & STOP) or is_event(lane, offset)


def path_to(
    space: Space, parents: Parents, address: int, bits: int, limit: int, starts: Container[int] = ()
) -> list[Step]:
    """Up to `limit` instructions on a path that leads to an address, in order, the last one before it.

    It begins no earlier than at the last of `starts`, which are keys of addresses.
    """
    steps: list[Step] = []
    lane, taken = space.lane(address, bits), False
    while lane is not None and len(steps) < limit:
        offset, key = address - lane.base, key_of(address, bits)
        if key in starts:
            break
        parent = parents.get(key)
        if parent is None:
            before = lane.before(offset)
            if before is None:
                break
            address, taken = lane.base + before, False
        else:
            source, via = step_of(parent)
            if via in (Via.ENTRY, Via.CALL, Via.POINTER, Via.TABLE):
                break
            address, lane = source, space.lane(source, bits)
            if via is Via.COPY:  # the instruction there does not run
                continue
            taken = via in (Via.TAKEN, Via.JUMP)
        insn = instruction(lane, address - lane.base) if lane is not None else None
        if insn is None:
            break
        steps.append((address, insn, taken))
    steps.reverse()
    return steps


Known = dict[int, tuple[int | None, int]]
"""Key of an address → its weak point and how many steps back it is; or None, and over how many steps there is none."""
_NOWHERE: Final = 1 << 30


def weak_point(
    space: Space, parents: Parents, address: int, bits: int, limit: int = 256, known: Known | None = None
) -> int | None:
    """The nearest address before that one, or itself, which only a weak step leads to; None: none is near.

    If that step is never made, nothing behind it up to `address` need be code. `known` keeps what was found, for who
    asks of many addresses on one path while nothing changes.
    """
    known = {} if known is None else known
    passed: list[int] = []
    point, beyond = None, 0
    for walked in range(limit):
        point, beyond = known.get(key_of(address, bits), (None, 0))
        if point is not None or walked + beyond >= limit:
            break
        before = _step_back(space, parents, address, bits)
        if before is None or before == address:
            point, beyond = before, 0 if before is not None else _NOWHERE
            break
        passed.append(key_of(address, bits))
        address, beyond = before, 0
    for walked, key in enumerate(passed):
        known[key] = point, beyond + len(passed) - walked
    return point if len(passed) + beyond < limit else None


def _step_back(space: Space, parents: Parents, address: int, bits: int) -> int | None:
    """The address before one on its path; itself when only a weak step leads to it, None where the path begins."""
    parent = parents.get(key_of(address, bits))
    if parent is not None:
        source, via = step_of(parent)
        return address if via in WEAK else None if via is Via.ENTRY else source
    lane = space.lane(address, bits)
    before = None if lane is None else lane.before(address - lane.base)
    if lane is None or before is None:
        return None
    return address if _is_weak(lane, before) else lane.base + before
