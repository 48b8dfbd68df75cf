# SPDX-License-Identifier: GPL-2.0-or-later
"""Unwind data of 64-bit PE images: extents of functions, and handlers that only the unwinder calls.

Microsoft, "x64 exception handling": RUNTIME_FUNCTION, UNWIND_INFO; "PE Format", "The .pdata Section".
"""

from patcher.binary.gathering import Gathering
from patcher.binary.model import Origin
from patcher.binary.pe_headers import EXCEPTION, Pe
from patcher.binary.pe_tables import first_names

ROW = 12
"""Bytes of a RUNTIME_FUNCTION: RVAs of its begin, its end and its UNWIND_INFO."""
HANDLER, CHAINED = 3, 4
"""UNWIND_INFO flags: UNW_FLAG_EHANDLER or UNW_FLAG_UHANDLER, UNW_FLAG_CHAININFO."""


def read_unwind(pe: Pe, found: Gathering) -> None:
    """Every RUNTIME_FUNCTION of a 64-bit image. Parts of one function that is chained get its name."""
    rva, size = pe.directory(EXCEPTION)
    if not rva or pe.mode != 64:
        return
    names = first_names(found)
    handlers: set[int] = set()
    for begin, end, unwind in pe.rows("3I", rva, size // ROW, "The exception directory"):
        if begin >= end or not pe.is_code(pe.base + begin):
            continue
        found.enter(pe.base + begin, Origin.UNWIND)
        head = _head(pe, begin, unwind, handlers)
        name = names.get(pe.base + begin) or names.get(pe.base + head, "")
        found.functions[pe.base + begin] = (pe.base + end, name)
    for handler in handlers:
        found.enter(pe.base + handler, Origin.EXCEPTION, "exception handler")


def _head(pe: Pe, begin: int, unwind: int, handlers: set[int]) -> int:
    """Begin of the function that a RUNTIME_FUNCTION is a part of; its handler, if any, is added."""
    tail = pe.tail(unwind & ~3)
    if unwind & 1:  # the address of another RUNTIME_FUNCTION, not of an UNWIND_INFO
        return int.from_bytes(tail[:4], "little")
    if len(tail) < 4:
        return begin
    flags, codes = tail[0] >> 3, (tail[2] + 1) & ~1
    after = int.from_bytes(tail[4 + 2 * codes : 8 + 2 * codes], "little")
    if flags & CHAINED:
        return after
    if flags & HANDLER and after:
        handlers.add(after)
    return begin
