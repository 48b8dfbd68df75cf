# SPDX-License-Identifier: GPL-2.0-or-later
"""What a register may be known to hold: a sum of a constant and of unknowns with factors.

That is enough for the targets that compilers and people compute: constants, and table + scale * index.
"""

from enum import IntEnum
from typing import NamedTuple


class Kind(IntEnum):
    """What an unknown is. A number, since unknowns are keys and the hash of other enums is slow."""

    REGISTER = 0  # a register's value that nothing is known of
    LOADED = 1  # what memory holds at an address
    LOW = 2  # the low bytes of a value, zero-extended
    MASKED = 3  # a value under a mask
    INDEX = 4  # a scaled index, also when the path knows its value


class Unknown(NamedTuple):
    """One unknown. `number` tells two apart, or is a mask; `of` is the address or value that it is made from.

    These are tuples because following makes millions of them, and uses them as keys.
    """

    kind: Kind
    number: int = 0
    of: "Value | None" = None
    size: int = 0
    signed: bool = False


class Value(NamedTuple):
    """`const` plus the sum of unknown * factor."""

    const: int
    terms: tuple[tuple[Unknown, int], ...] = ()

    @property
    def known(self) -> int | None:
        """The number, when it is one."""
        return None if self.terms else self.const

    def plus(self, other: "Value", mask: int, sign: int = 1) -> "Value":
        """The sum, or the difference with `sign` -1, of the width that `mask` tells."""
        factors = dict(self.terms)
        for unknown, factor in other.terms:
            factors[unknown] = factors.get(unknown, 0) + sign * factor
        terms = tuple((unknown, factor) for unknown, factor in factors.items() if factor)
        return Value((self.const + sign * other.const) & mask, terms)

    def times(self, factor: int, mask: int) -> "Value":
        """The product with a number."""
        return Value(self.const * factor & mask, tuple((unknown, f * factor) for unknown, f in self.terms))

    def low(self, size: int) -> "Value":
        """Its low bytes, zero-extended."""
        if not self.terms:
            return Value(self.const & ((1 << size * 8) - 1))
        if len(self.terms) == 1 and self.const == 0 and self.terms[0][1] == 1:
            unknown = self.terms[0][0]
            if unknown.kind in (Kind.LOW, Kind.LOADED) and unknown.size <= size and not unknown.signed:
                return self
        return unknown_value(Unknown(Kind.LOW, of=self, size=size))

    def masked(self, mask: int) -> "Value":
        """The value under a mask."""
        if not self.terms:
            return Value(self.const & mask)
        return unknown_value(Unknown(Kind.MASKED, mask, self))


def unknown_value(unknown: Unknown) -> Value:
    """The value that is just an unknown."""
    return Value(0, ((unknown, 1),))


def bits_mask(size: int) -> int:
    """All ones in `size` bytes."""
    return (1 << size * 8) - 1
