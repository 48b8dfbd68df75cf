# SPDX-License-Identifier: GPL-2.0-or-later
"""UEFI's own compression, also called Tiano: Huffman-coded literals and matches (LZ77), in blocks.

UEFI Specification 2.10, section 19 "Compression Algorithm Specification". The variant that EDK II has a GUID for
differs in the width of one field: 5 bits, not 4. Some firmware has one where the other is due.
"""

from dataclasses import dataclass

from patcher.binary.part import Part
from patcher.errors import PatcherError

SYMBOLS, EXTRA, LONGEST = 510, 19, 16
"""Symbols of the literal and length code, of the code that its lengths are coded in; longest code in bits."""
MATCH = 253
"""A symbol above 255 is a match of this many bytes less."""
PADDING = 8
"""Bytes that may follow the last symbol; with more, the wrong width of the field was tried."""
SYMBOLS_A_BLOCK = 128
"""Blocks with fewer on average are refused: tables for them would take more time than the file is worth."""


class _Damaged(Exception):
    """The packed bytes are not what the algorithm makes; the text says how."""


@dataclass(slots=True)
class _Bits:
    """The packed bytes as bits, the most significant one first; a few zeros follow."""

    data: memoryview
    at: int = 0
    held: int = 0
    count: int = 0

    def peek(self, width: int) -> int:
        if self.count < width:
            if self.at > len(self.data):
                raise _Damaged("its packed bytes end too early")
            self.held = self.held << 512 | int.from_bytes(
                bytes(self.data[self.at : self.at + 64]).ljust(64, b"\0"), "big"
            )
            self.count += 512
            self.at += 64
        return self.held >> (self.count - width)

    def skip(self, width: int) -> None:
        self.count -= width
        self.held &= (1 << self.count) - 1

    def take(self, width: int) -> int:
        value = self.peek(width)
        self.skip(width)
        return value


@dataclass(frozen=True, slots=True)
class _Code:
    """A Huffman code: symbol and length of the code word that the next `width` bits begin with."""

    width: int
    cells: list[tuple[int, int]]

    def read(self, bits: _Bits) -> int:
        symbol, length = self.cells[bits.peek(self.width)]
        bits.skip(length)
        return symbol


def _code(lengths: list[int]) -> _Code:
    """The canonical code with these lengths of code words, by symbol."""
    width = max(lengths)
    if width > LONGEST:
        raise _Damaged("a code word in it is too long")
    cells: list[tuple[int, int]] = []
    for length in range(1, width + 1):
        for symbol, own in enumerate(lengths):
            if own == length:
                cells += [(symbol, length)] * (1 << (width - length))
    if len(cells) != 1 << width:
        raise _Damaged("a code in it is not complete")
    return _Code(width, cells)


def _short_code(bits: _Bits, size: int, field: int, pause: int) -> _Code:
    """A code of up to `size` symbols: their lengths in 3 bits and more, after `pause` of them a run of zeros."""
    number = bits.take(field)
    if not number:
        return _Code(0, [(bits.take(field), 0)])
    lengths: list[int] = []
    while len(lengths) < number:
        lengths.append(_length(bits))
        if len(lengths) == pause:
            lengths += [0] * bits.take(2)
    if len(lengths) > size:
        raise _Damaged("a code in it has too many symbols")
    return _code(lengths)


def _length(bits: _Bits) -> int:
    """Three bits; seven goes on with a one for each one more, and a zero."""
    length = bits.take(3)
    while length >= 7 and bits.take(1):
        length += 1
        if length > LONGEST:
            raise _Damaged("a code word in it is too long")
    return length


def _long_code(bits: _Bits, extra: _Code) -> _Code:
    """The code of literals and match lengths, whose own lengths are coded, with runs of zeros."""
    number = bits.take(9)
    if not number:
        return _Code(0, [(bits.take(9), 0)])
    lengths: list[int] = []
    while len(lengths) < number:
        symbol = extra.read(bits)
        if symbol > 2:
            lengths.append(symbol - 2)
        else:
            lengths += [0] * (1, 3, 20)[symbol]
            lengths += [0] * bits.take((0, 4, 9)[symbol])
    if len(lengths) > SYMBOLS:
        raise _Damaged("a code in it has too many symbols")
    return _code(lengths)


def _decode(data: memoryview, size: int, field: int) -> bytes:
    bits, out, left, blocks = _Bits(data), bytearray(), 0, 0
    long = near = _Code(0, [(0, 0)])
    while len(out) < size:
        if not left:
            left = bits.take(16)
            blocks += 1
            if not left or blocks > 16 + size // SYMBOLS_A_BLOCK:
                raise _Damaged("its blocks are too short")
            extra = _short_code(bits, EXTRA, 5, 3)
            long = _long_code(bits, extra)
            near = _short_code(bits, (1 << field) - 1, field, -1)
        left -= 1
        symbol = long.read(bits)
        if symbol < 256:
            out.append(symbol)
        else:
            _copy(out, symbol - MATCH, _distance(bits, near))
    if len(data) - bits.at + bits.count // 8 > PADDING:
        raise _Damaged("it has more packed bytes than it needs")
    return bytes(out[:size])


def _distance(bits: _Bits, near: _Code) -> int:
    symbol = near.read(bits)
    return symbol + 1 if symbol < 2 else (1 << (symbol - 1)) + bits.take(symbol - 1) + 1


def _copy(out: bytearray, length: int, distance: int) -> None:
    if distance > len(out):
        raise _Damaged("a match in it begins before its first byte")
    start = len(out) - distance
    chunk = out[start : start + length]
    out += (chunk * (length // len(chunk) + 1))[:length]


def unpack_tiano(part: Part, limit: int, field: int = 4) -> bytes:
    """What a packed part holds: two sizes and the packed bytes. Raises `PatcherError` above `limit` bytes.

    `field` is the width that is tried first; where the bytes make no sense with it, the other one is.
    """
    packed, size = part.numbers("II", 0, "the header of a compressed part")
    if size > limit:
        raise PatcherError(
            f"A compressed part of {part.name} claims {size:#x} bytes, and {limit:#x} are allowed."
        )
    data = part.cut(8, packed, "a compressed part")
    try:
        return _decode(data, size, field)
    except _Damaged as error:
        damage = error
    try:
        return _decode(data, size, 9 - field)
    except _Damaged:
        raise PatcherError(f"A compressed part of {part.name} is damaged: {damage}.") from None
