# SPDX-License-Identifier: GPL-2.0-or-later
"""Walking one run: instructions in a row up to a call, or to where control does not go on.

The same tables and kinds as `patcher.x86.walk.straight_line`, which goes on behind calls.
"""

from patcher.follow.lane import Lane
from patcher.x86.decode import MAX_LENGTH
from patcher.x86.walk import END, Item, entry_at, second
from patcher.x86.walk import STOP as _STOP

_CALL_OR_STOP = 8 | _STOP


def walk_run(lane: Lane, offset: int) -> list[Item]:
    """Walk from `offset` to the first call or stop, or to what is followed already or marked.

    Writes lengths; returns the items that are not ordinary. The last one has STOP or CALL.
    """
    known = _again(lane, offset)
    if known is not None:
        return known
    code, lengths, table, start = lane.code, lane.lengths, lane.table, offset
    first, end, safe = table.one_byte, lane.size, lane.size - MAX_LENGTH
    found: list[Item] = []
    while offset < end and not lengths[offset]:
        if offset > safe:
            entry = entry_at(code, offset, lane.bits)
        else:
            entry = first[code[offset] | code[offset + 1] << 8] or second(code, offset, table)
        length = entry & 15
        if entry < 16:
            lengths[offset] = entry
            offset += entry
            continue
        found.append((offset, length, entry >> 4))
        lengths[offset] = length
        if entry >> 4 & _CALL_OR_STOP:
            _keep(lane, start, offset + length, found)
            return found
        offset += length
    found.append((offset, 0, _STOP | END))
    return found


def _again(lane: Lane, offset: int) -> list[Item] | None:
    """Write a run that was walked in an earlier round, when nothing is in its way."""
    run = lane.seen.runs.get(offset) if lane.seen.runs else None
    if run is None:
        return None
    items, written = run
    end = offset + len(written)
    if lane.lengths.count(0, offset, end) != len(written):
        return None
    lane.lengths[offset:end] = written
    return items


def _keep(lane: Lane, start: int, end: int, items: list[Item]) -> None:
    """Keep a run for the next round, unless marks or other instructions lie inside its own."""
    runs = lane.seen.runs
    if runs is None:
        return
    written = bytes(lane.lengths[start:end])
    if sum(written) == end - start:
        runs[start] = items, written


def undo(lane: Lane, start: int, end: int) -> None:
    """Forget the instructions that a walk wrote from `start` on, up to `end`."""
    lengths, first = lane.lengths, start
    while start < end:
        length = lengths[start]
        lengths[start] = 0
        start += length or 1
    lane.mark_borders(first, start)


def steps(lane: Lane, start: int, end: int) -> int:
    """How many instructions a walk wrote from `start` to `end`."""
    lengths, count = lane.lengths, 0
    while start < end:
        start += lengths[start] or 1
        count += 1
    return count
