# SPDX-License-Identifier: GPL-2.0-or-later
"""Walking one run: instructions in a row up to a call, or to where control does not go on.

The same tables and kinds as `patcher.x86.walk.straight_line`, which goes on behind calls.
"""

from patcher.follow.space import Lane
from patcher.x86.decode import MAX_LENGTH
from patcher.x86.walk import END, Item, entry_at, second
from patcher.x86.walk import STOP as _STOP

_CALL_OR_STOP = 8 | _STOP


def walk_run(lane: Lane, offset: int) -> list[Item]:
    """Walk from `offset` to the first call or stop, or to what is followed already or marked.

    Writes lengths; returns the items that are not ordinary. The last one has STOP or CALL.
    """
    code, lengths, table = lane.code, lane.lengths, lane.table
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
            return found
        offset += length
    found.append((offset, 0, _STOP | END))
    return found


def undo(lane: Lane, start: int, end: int) -> None:
    """Forget the instructions that a walk wrote from `start` on, up to `end`."""
    lengths = lane.lengths
    while start < end:
        length = lengths[start]
        lengths[start] = 0
        start += length or 1


def steps(lane: Lane, start: int, end: int) -> int:
    """How many instructions a walk wrote from `start` to `end`."""
    lengths, count = lane.lengths, 0
    while start < end:
        start += lengths[start] or 1
        count += 1
    return count
