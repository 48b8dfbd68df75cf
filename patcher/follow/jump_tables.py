# SPDX-License-Identifier: GPL-2.0-or-later
"""Where an indirect jump goes: a constant, or the entries of a table.

The target is known as a sum (`values`). A table is an unknown that was loaded from base + index * factor: the sum is
entry, entry + constant (tables relative to themselves or to the image), or entry + GOT. A comparison before the
jump limits the index; without one the table ends where an entry cannot be an address of code.
"""

from patcher.follow.knowledge import Knowledge
from patcher.follow.lane import Lane
from patcher.follow.segments import linear_candidates
from patcher.follow.space import Space
from patcher.follow.state import State
from patcher.follow.table_entries import Shape, Targets, read_table
from patcher.follow.values import Kind, Unknown, Value, bits_mask


def resolve(space: Space, knowledge: Knowledge, lane: Lane, at: int, value: Value, state: State) -> Targets:
    """The targets of the jump at `at` to `value`."""
    if value.known is not None:
        return _constant(space, lane, value.known)
    entry, rest = _split(value)
    if entry is None or entry.of is None:
        return _ladder(space, value)
    if not entry.of.terms:
        return _cell(space, entry.of.const, rest, state)
    slot = _imported(space, knowledge, entry)
    if slot is not None:
        return _cell(space, slot, rest, state)
    shape = _shape(space, knowledge, entry, rest, state)
    return Targets() if shape is None else read_table(space, lane, at, shape, knowledge.jump_tables)


def _constant(space: Space, lane: Lane, target: int) -> Targets:
    for address in (target,) if lane.bits != 16 else linear_candidates(lane, target & 0xFFFF):
        if space.is_code(address):
            return Targets((address,))
    return Targets()


def _ladder(space: Space, value: Value) -> Targets:
    """A jump into code at base + step * index, as in unrolled copies: its first rung leads to all others."""
    if len(value.terms) != 1 or value.terms[0][1] < 4 or not space.is_code(value.const):
        return Targets()
    unknown, factor = value.terms[0]
    count = unknown.number + 1 if unknown.kind is Kind.MASKED and unknown.number < 256 else 1
    rungs = (value.const + factor * number for number in range(count))
    return Targets(tuple(rung for rung in rungs if space.is_code(rung)))


def _split(value: Value) -> tuple[Unknown | None, Value]:
    """The loaded unknown of a sum, and the rest. Of two, the one whose address the other is part of."""
    loaded = [u for u, factor in value.terms if u.kind is Kind.LOADED and factor == 1 and u.of is not None]
    if not loaded:
        return None, value
    unknown = max(loaded, key=lambda u: len(u.of.terms) if u.of is not None else 0)
    return unknown, Value(value.const, tuple(term for term in value.terms if term[0] != unknown))


def _cell(space: Space, address: int, rest: Value, state: State) -> Targets:
    """A jump through one word: followed when the file holds it for good, an import's slot leaves the binary."""
    if rest.terms or rest.const:
        return Targets()
    target = space.read(address, state.natural)
    if target is not None and space.is_code(target) and space.is_constant(address):
        return Targets((target,))
    return Targets(leaves=space.section_index(address) >= 0, bounded=True)


def _imported(space: Space, knowledge: Knowledge, entry: Unknown) -> int | None:
    """The slot of the GOT that a jump through constant(%ebx) uses."""
    assert entry.of is not None
    term = entry.of.terms[0]
    if knowledge.got is None or len(entry.of.terms) > 1 or term[1] != 1 or term[0].kind is not Kind.REGISTER:
        return None
    slot = entry.of.const + knowledge.got & 0xFFFFFFFF
    return slot if entry.size == 4 and space.section_index(slot) >= 0 and not space.is_code(slot) else None


def _shape(space: Space, knowledge: Knowledge, entry: Unknown, rest: Value, state: State) -> Shape | None:
    assert entry.of is not None
    base, plus = entry.of, rest.const
    shared = [term for term in rest.terms if term in base.terms]
    if len(shared) != len(rest.terms):
        return None
    if shared:  # the GOT's address, which the function's beginning put into a register
        if knowledge.got is None:
            return None
        mask = bits_mask(state.natural)
        base = Value(base.const + knowledge.got & mask, tuple(t for t in base.terms if t not in shared))
        plus = plus + knowledge.got & mask
    if len(base.terms) != 1:
        return None
    index, stride = base.terms[0]
    if stride not in (1, 2, 4, 8) or (stride < entry.size and stride != 1):
        return None
    return _bounded(space, state, base, index, stride, entry, plus)


def _bounded(
    space: Space, state: State, base: Value, index: Unknown, stride: int, entry: Unknown, plus: int
) -> Shape:
    """Apply what comparisons and masks tell of the index."""
    start, count = base.const, None
    mask = bits_mask(state.natural if state.bits != 16 else 2)
    for value, limit in state.bounds.items():
        if len(value.terms) == 1 and value.terms[0][0] == index and value.terms[0][1] == 1:
            start, count = base.const - stride * value.const & mask, limit
        elif _is_about(value, index):
            count = limit
    if count is None and stride == 1:  # an index that was scaled on its own
        stride = entry.size
    if count is None:
        count = _of_byte_table(space, state, index)
    return Shape(start, stride, entry.size, entry.signed, plus, count, _most(index))


def _is_about(value: Value, index: Unknown) -> bool:
    """Is a bound on `value` one on the index, on its low byte, or on what the index was extended from?"""
    if index.kind in (Kind.LOW, Kind.INDEX) and index.of == value:
        return True
    if not value.terms or value.terms[0][1] != 1:
        return False
    unknown = value.terms[0][0]
    if unknown.kind is not Kind.LOW or unknown.of is None or not unknown.of.terms:
        return False
    return unknown.of.terms[0][0] == index


def _most(index: Unknown) -> int | None:
    """The number of entries that an index under a mask can name; the table may have fewer."""
    if index.kind is Kind.MASKED and index.number & (index.number + 1) == 0:
        return index.number + 1
    return None


def _of_byte_table(space: Space, state: State, index: Unknown) -> int | None:
    """The number of entries that the entries of a byte table name."""
    if index.kind is Kind.LOADED and index.size == 1 and not index.signed and index.of is not None:
        return _byte_table_limit(space, state, index.of)
    return None


def _byte_table_limit(space: Space, state: State, address: Value) -> int | None:
    """Of a two-level table: one more than the largest of its bytes."""
    if len(address.terms) != 1:
        return None
    index = address.terms[0][0]
    for value, limit in state.bounds.items():
        if len(value.terms) == 1 and value.terms[0] == (index, 1):
            start = address.const - value.const
            found = [space.read(start + i, 1) for i in range(limit)]
            return max((byte for byte in found if byte is not None), default=-1) + 1 or None
    return None
