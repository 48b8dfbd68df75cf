# SPDX-License-Identifier: GPL-2.0-or-later
"""Unwind data of 64-bit PE images: extents of functions, and handlers that only the unwinder calls.

Microsoft, "x64 exception handling": RUNTIME_FUNCTION, UNWIND_INFO, language-specific handlers; the scope table
of `__C_specific_handler` is in winnt.h. Handlers have no names in most images, so a scope table is told by every
one of its rows making sense.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from patcher.binary.gathering import Gathering
from patcher.binary.model import Origin
from patcher.binary.part import form
from patcher.binary.pe_headers import EXCEPTION, Pe
from patcher.binary.pe_tables import first_names

ROW = 12
"""Bytes of a RUNTIME_FUNCTION: RVAs of its begin, its end and its UNWIND_INFO."""
HANDLER, CHAINED = 3, 4
"""UNWIND_INFO flags: UNW_FLAG_EHANDLER or UNW_FLAG_UHANDLER, UNW_FLAG_CHAININFO."""
MOST_SCOPES = 1000
EXECUTE_HANDLER = 1
"""In a scope's place of a filter: there is none, the handler is always taken."""


@dataclass(frozen=True, slots=True)
class Unwind:
    """What an UNWIND_INFO says: RVAs of the function it is a part of, of its handler, of the handler's data."""

    head: int
    handler: int = 0
    data: int = 0


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
        info = _info(pe, begin, unwind)
        name = names.get(pe.base + begin) or names.get(pe.base + info.head, "")
        found.enter(pe.base + begin, Origin.UNWIND)
        found.functions[pe.base + begin] = (pe.base + end, name)
        if info.handler:
            handlers.add(info.handler)
            handlers.update(_scopes(pe, range(begin, end + 1), info.data))
    for handler in handlers:
        found.enter(pe.base + handler, Origin.EXCEPTION, "exception handler")


def _info(pe: Pe, begin: int, unwind: int) -> Unwind:
    tail = pe.tail(unwind & ~3)
    if unwind & 1:  # the address of another RUNTIME_FUNCTION, not of an UNWIND_INFO
        return Unwind(int.from_bytes(tail[:4], "little"))
    if len(tail) < 4:
        return Unwind(begin)
    flags, codes = tail[0] >> 3, (tail[2] + 1) & ~1
    at = 4 + 2 * codes
    after = int.from_bytes(tail[at : at + 4], "little")
    if flags & CHAINED:
        return Unwind(after)
    return Unwind(begin, after, unwind + at + 4) if flags & HANDLER else Unwind(begin)


def _scopes(pe: Pe, function: range, data: int) -> Iterator[int]:
    """RVAs of filters, of `__finally` blocks and of `__except` blocks in a scope table, if it is one."""
    tail = pe.tail(data)
    count = int.from_bytes(tail[:4], "little") if len(tail) >= 4 else 0
    if not 0 < count <= MOST_SCOPES or len(tail) < 4 + 16 * count:
        return
    rows = list(form("4I").iter_unpack(tail[4 : 4 + 16 * count]))
    if all(_is_scope(pe, function, row) for row in rows):
        for _, _, handler, target in rows:
            yield from {handler, target} - {0, EXECUTE_HANDLER}


def _is_scope(pe: Pe, function: range, row: tuple[int, ...]) -> bool:
    begin, end, handler, target = row
    if begin not in function or end not in function or begin > end:
        return False
    filtered = (handler == EXECUTE_HANDLER and target) or pe.is_code(pe.base + handler)
    return bool(filtered) and (not target or target in function)
