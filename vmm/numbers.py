# SPDX-License-Identifier: GPL-2.0-or-later
"""Floating-point numbers of 4 and 8 bytes taken apart (SDM vol. 1, 4.2.2)."""

from typing import Final, NamedTuple

FRACTION: Final = {4: 23, 8: 52}
_HIGHEST: Final = {4: 0xFF, 8: 0x7FF}


class Number(NamedTuple):
    """The fields of one number in the format of `size` bytes."""

    negative: bool
    exponent: int
    fraction: int
    size: int

    @property
    def is_special(self) -> bool:
        """Infinity or NaN."""
        return self.exponent == _HIGHEST[self.size]

    @property
    def is_nan(self) -> bool:
        return self.is_special and self.fraction != 0

    @property
    def is_denormal(self) -> bool:
        """Not zero, and too small for the format's exponents."""
        return not self.exponent and self.fraction != 0

    @property
    def is_zero(self) -> bool:
        return not self.exponent and not self.fraction

    def without_denormal(self, flush: bool) -> "Number":
        """Zero instead of a denormal, when `flush` says so."""
        return self._replace(fraction=0) if flush and self.is_denormal else self


def numbers(data: bytes, size: int, count: int) -> list[Number]:
    """The first `count` numbers of `size` bytes each."""
    whole = [int.from_bytes(data[i : i + size], "little") for i in range(0, size * count, size)]
    bits, sign = FRACTION[size], 8 * size - 1
    return [Number(bool(n >> sign), n >> bits & _HIGHEST[size], n & (1 << bits) - 1, size) for n in whole]
