# SPDX-License-Identifier: GPL-2.0-or-later
"""Holes where no followed path leads: in bytes that nothing accounts for, and behind steps that were not followed.

Following takes a step for never made when it leads to what is no code, or into the middle of likelier instructions:
a branch that is never taken, a call that does not return, a number that happens to be an address. That is most likely,
and no proof. Nor is it that nothing goes on behind ud2, and behind calls whose callee was not seen to return.
"""

from collections.abc import Iterator
from typing import Final

from patcher.auditing.code_map import CodeMap
from patcher.auditing.relevance import World, relevance, world_of
from patcher.catalogue import classify
from patcher.deadline import NEVER, Deadline
from patcher.x86.decode import MAX_LENGTH, Flow, flow
from patcher.x86.insn import Insn
from patcher.x86.walk import TRUNCATED, UNDECODABLE, straight_line

_MOST: Final = 4096
"""So many instructions behind the first ones of dropped steps are looked at; more are as good as a hole."""


def holes_in_gaps(code: CodeMap, ring: int, iopl: int, deadline: Deadline = NEVER) -> Iterator[int]:
    """The addresses, in bytes that are not accounted for, at which a hole that matters could be decoded.

    Bytes that are instructions from the first to the last are taken for those; in others every offset counts.
    """
    from patcher.sweep import anywhere, sweep

    narrow = _is_narrow(code)
    for start, end in code.flow.gaps:
        section = code.binary.section_at(start)
        if section is None or deadline.overdue():
            continue
        first, last = start - section.address, end - section.address
        for mode in code.modes(section) or [section.mode]:
            world = world_of(ring, iopl, mode, narrow)
            look = (
                sweep if _is_code(section.data[first : last + MAX_LENGTH], last - first, mode) else anywhere
            )
            for offset, _ in look(section.data, mode, first, last):
                if _matters(code, section.address + offset, mode, world):
                    yield section.address + offset


def _is_narrow(code: CodeMap) -> bool:
    """Does 16-bit code run in protected mode? Then what is not accounted for may, too."""
    return any(site.narrow for site in code.flow.sites)


def _is_code(data: memoryview, size: int, mode: int) -> bool:
    """Are the first `size` bytes instructions, the last of which ends there?"""
    content, offset, lengths = bytes(data), 0, bytearray(size)
    while offset < size:
        at, length, kind = straight_line(content, offset, mode, size, lengths)[-1]
        if kind & (UNDECODABLE | TRUNCATED):
            return False
        offset = at + length
    return offset == size


def _matters(code: CodeMap, address: int, mode: int, world: World) -> bool:
    insn = code.insn(address, mode)
    row = None if insn is None else classify(insn)
    if insn is None or row is None:
        return False
    found = relevance(row, insn, world)
    return found.matters and row.is_hole


def holes_behind_dropped(code: CodeMap, ring: int, iopl: int, deadline: Deadline = NEVER) -> Iterator[int]:
    """The addresses of holes that would run if the steps were made that are taken for never made.

    Direct flow from there is looked at up to what is followed, to what decodes to nothing, and to tables. Where that is
    more than can be looked at, the last address counts as a hole.
    """
    ahead, seen, narrow = list(code.flow.dropped), set(code.flow.dropped), _is_narrow(code)
    most = _MOST + len(seen)
    while ahead and not deadline.overdue():
        address, mode = ahead.pop()
        world = world_of(ring, iopl, mode, narrow)
        insn = _unfollowed(code, address, mode)
        if insn is None:
            continue
        if len(seen) > most or _matters(code, address, mode, world):
            yield address
        following = {(to, mode) for to in _next(insn, address)} - seen
        seen.update(following)
        ahead.extend(following)


def _unfollowed(code: CodeMap, address: int, mode: int) -> Insn | None:
    """The instruction that would run at an address; None where a path accounts for it, or nothing can run."""
    section = code.section_at(address)
    if section is None or not section.executable or code.known(section, mode, address - section.address):
        return None
    if any(table.address <= address < table.end for table in code.flow.jump_tables):
        return None
    return code.insn(address, mode)


def _next(insn: Insn, address: int) -> Iterator[int]:
    """Where direct flow goes on."""
    kind, behind = flow(insn), address + insn.length
    if kind not in (Flow.JUMP, Flow.STOP):
        yield behind
    if insn.relative:
        yield behind + insn.imm & (1 << insn.bits) - 1 if insn.bits != 16 else behind + insn.imm
