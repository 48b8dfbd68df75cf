# SPDX-License-Identifier: GPL-2.0-or-later
"""Steps that are doubtful, as to what is behind a breakpoint or an exit: made last, and only into clean code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from patcher.follow import overlaps
from patcher.follow.blame import is_bad
from patcher.follow.edges import Edge
from patcher.follow.lane import MARKS
from patcher.follow.likelihood import is_text, plausibility
from patcher.follow.runs import steps, undo, walk_run

if TYPE_CHECKING:
    from patcher.follow.explorer import Explorer

_INT3: Final = 0xCC
_LOOK: Final = 8
"""How many instructions of the run are judged: what follows a call may be its text."""
LEAST: Final = -4.0
"""How little what is behind a breakpoint may look like code."""


def visit_carefully(x: Explorer, edge: Edge) -> None:
    """Follow an edge that is doubtful: only when its first run looks like code and disturbs nothing."""
    address, bits, _, source, owner, _ = edge
    lane = x.space.lane(address, bits)
    if lane is None or not x.is_followed(source, bits):
        return
    offset = address - lane.base
    if lane.lengths[offset]:
        if lane.lengths[offset] < MARKS:
            x.join(owner, address, bits)
        return
    least = LEAST if lane.code[offset - 1] == _INT3 else 0.0
    if lane.covers(offset) is not None or is_text(lane, offset):
        x.drop(lane, offset)
        return
    items = walk_run(lane, offset)
    end = items[-1][0] + items[-1][1]
    count = min(_LOOK, steps(lane, offset, end))
    doubtful = is_bad(x, lane, items) or overlaps.within(lane, offset, end)
    undo(lane, offset, end)
    doubtful = doubtful or plausibility(lane, offset, count) < least
    if doubtful:
        x.drop(lane, offset)
    else:
        x.work.append(edge)
