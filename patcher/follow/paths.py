# SPDX-License-Identifier: GPL-2.0-or-later
"""Looking back along followed code: the instructions before one, and the weakest step that led to it."""

from collections.abc import Container, Mapping
from typing import Final

from patcher.follow.edges import WEAK, Via, key_of, step_of
from patcher.follow.evaluate import Step
from patcher.follow.modes import instruction
from patcher.follow.space import Lane, Space
from patcher.x86.walk import BRANCH, CALL, STOP, entry_at

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
    kind = entry_at(lane.code, offset, lane.bits) >> 4
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


def weak_point(space: Space, parents: Parents, address: int, bits: int, limit: int = 256) -> int | None:
    """The nearest address before that one, or itself, which only a weak step leads to; None: none is near.

    If that step is never made, nothing behind it up to `address` need be code.
    """
    lane = space.lane(address, bits)
    for _ in range(limit):
        if lane is None:
            return None
        parent = parents.get(key_of(address, bits))
        if parent is not None:
            source, via = step_of(parent)
            if via in WEAK:
                return address
            if via is Via.ENTRY:
                return None
            address, lane = source, space.lane(source, bits)
            continue
        before = lane.before(address - lane.base)
        if before is None:
            return None
        if _is_weak(lane, before):
            return address
        address = lane.base + before
    return None
