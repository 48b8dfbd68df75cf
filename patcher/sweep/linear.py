# SPDX-License-Identifier: GPL-2.0-or-later
"""Sweeping code for audited instructions: one after the other, or at every offset.

The expressions of ``expression`` do the work; what they do not recognize is decoded. Both sweeps give what
``decode`` and ``classify`` would give at each step, with one exception: two or more bytes CC in a row, where an
instruction could begin, are fill between functions and not int3, and are passed over.
"""

from collections.abc import Iterator

from patcher.auditing.rows import audited
from patcher.catalogue import classify
from patcher.sweep.expression import everywhere, pattern
from patcher.x86.decode import MAX_LENGTH, Code, Truncated, decode

Found = tuple[int, int]
"""Offset and length of an instruction."""


def _decoded(code: Code, offset: int, bits: int) -> tuple[int, bool]:
    """Length of one instruction (1: there is none, 0: the code ends inside it), and whether it is audited."""
    try:
        insn = decode(code, offset, bits)
    except Truncated:
        return 0, False
    if insn is None:
        return 1, False
    row = classify(insn)
    return insn.length, row is not None and audited(row)


def _bounds(code: Code, end: int | None) -> tuple[int, int]:
    """Where instructions may begin no more, and where the bytes end that may belong to one."""
    stop = len(code) if end is None else min(end, len(code))
    return stop, min(stop + MAX_LENGTH - 1, len(code))


def sweep(code: Code, bits: int, start: int = 0, end: int | None = None) -> Iterator[Found]:
    """The audited instructions of a linear sweep that starts at offset ``start`` of ``code``, in order.

    They begin below ``end`` (None: the end of ``code``) and may reach over it. Where no instruction can be
    decoded the sweep goes on at the next byte; it ends where ``code`` ends inside an instruction.
    """
    find = pattern(bits).finditer
    stop, limit = _bounds(code, end)
    while start < stop:
        for match in find(code, start, limit):
            at, behind = match.span(1)
            if at < 0:
                start = match.end()
                break
            if at >= stop:
                return
            yield at, behind - at
        if start < stop:
            length, is_audited = _decoded(code, start, bits)
            if is_audited:
                yield start, length
            start = start + length if length else stop


def anywhere(code: Code, bits: int, start: int = 0, end: int | None = None) -> Iterator[Found]:
    """The audited instructions that decode at any offset from ``start`` up to ``end``, also inside others."""
    stop, limit = _bounds(code, end)
    for match in everywhere(bits).finditer(code, start, limit):
        at, behind = match.span(1)
        if at >= stop or match.start() >= stop:
            return
        if at >= 0:
            yield at, behind - at
        elif match.start() == match.end():
            length, is_audited = _decoded(code, match.start(), bits)
            if is_audited:
                yield match.start(), length
