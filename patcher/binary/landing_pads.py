# SPDX-License-Identifier: GPL-2.0-or-later
"""`.gcc_except_table`: the landing pads to which an exception unwinds.

Itanium C++ ABI, "Exception Handling Tables": a header, then call sites (start, length, landing pad, action).
"""

import struct

from patcher.binary.address_space import AddressSpace
from patcher.binary.eh_frame import OMIT, Frame, Malformed, pointer, uleb
from patcher.binary.gathering import Gathering
from patcher.binary.model import Origin

ULEB, UDATA4 = 1, 3


def read_landing_pads(
    frames: list[Frame], space: AddressSpace, into: Gathering, bits: int, budget: int
) -> None:
    """An entry for every landing pad of `frames`. Tables together may be `budget` bytes long (they may overlap)."""
    seen = set()
    for frame in frames:
        if not frame.lsda or frame.lsda in seen:
            continue
        seen.add(frame.lsda)
        try:
            base, kind, table = _call_sites(space.view(frame.lsda, None), frame, bits)
            budget -= len(table)
            if budget < 0:
                into.notes.append("The exception tables overlap; some landing pads were left out.")
                return
            for pad in _pads(table, kind):
                into.enter((base + pad) & ((1 << bits) - 1), Origin.EXCEPTION)
        except (Malformed, IndexError, struct.error):
            continue


def _call_sites(data: memoryview, frame: Frame, bits: int) -> tuple[int, int, memoryview]:
    """What landing pads count from, how the call sites are encoded, and their bytes."""
    base, at = frame.start, 1
    if data[0] != OMIT:
        base, at = pointer(data, 1, data[0], frame.lsda, bits)
    if data[at] != OMIT:
        at = uleb(data, at + 1)[1] - 1
    kind = data[at + 1]
    length, at = uleb(data, at + 2)
    return base, kind, data[at : at + length]


def _pads(table: memoryview, kind: int) -> set[int]:
    pads, at, end = set(), 0, len(table)
    while at < end:
        if kind == ULEB:
            _, at = uleb(table, at)
            _, at = uleb(table, at)
            pad, at = uleb(table, at)
        elif kind == UDATA4:
            pad, at = struct.unpack_from("<8xI", table, at)[0], at + 12
        else:
            raise Malformed
        _, at = uleb(table, at)
        if pad:
            pads.add(pad)
    return pads
