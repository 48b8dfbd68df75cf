# SPDX-License-Identifier: GPL-2.0-or-later
"""LZO1X in lzop's container, as some kernels are packed (Linux, Documentation/staging/lzo.rst).

Checksums are passed over: what does not unpack is damaged enough.
"""

import struct
from collections.abc import Iterator

from patcher.archive.codec import Codec, damaged

MAGIC = b"\x89LZO\0\r\n\x1a\n"
BLOCK = 64 << 20
"""The largest block that lzop makes."""
ADLER_D, ADLER_C, CRC_D, CRC_C, FILTER = 1, 2, 0x100, 0x200, 0x800
LITERALS = 4
"""The state behind a run of literals; 0 to 3 count the literals behind the last match."""


class _Bad(Exception):
    """A block that makes no sense."""


def decode_block(source: bytes, limit: int) -> bytes:
    """One LZO1X block; more than `limit` bytes are refused."""
    out, at, state = bytearray(), 0, 0
    if source[0] > 17:
        count = source[0] - 17
        out += source[1 : 1 + count]
        at, state = 1 + count, count if count < 4 else LITERALS
    while True:
        code = source[at]
        at += 1
        if code < 16 and state == 0:
            length, at = _length(source, at, code, 15)
            out += source[at : at + length + 3]
            at, state = at + length + 3, LITERALS
            continue
        length, distance, state, at = _match(source, at, code, state)
        if not length:
            return bytes(out)
        start = len(out) - distance
        if start < 0 or len(out) + length > limit:
            raise _Bad
        if distance >= length:
            out += out[start : start + length]
        else:
            out += (out[start:] * (length // distance + 1))[:length]
        out += source[at : at + state]
        at += state


def _match(source: bytes, at: int, code: int, state: int) -> tuple[int, int, int, int]:
    """Length (0: the end), distance, literals behind, and where they are."""
    if code >= 64:
        return (code >> 5) + 1, (source[at] << 3) + (code >> 2 & 7) + 1, code & 3, at + 1
    if code >= 16:
        mask = 31 if code >= 32 else 7
        length, at = _length(source, at, code & mask, mask)
        low = source[at] | source[at + 1] << 8
        if code >= 32:
            return length + 2, (low >> 2) + 1, low & 3, at + 2
        distance = 16384 + ((code & 8) << 11) + (low >> 2)
        return (0 if distance == 16384 else length + 2), distance, low & 3, at + 2
    distance = (source[at] << 2) + (code >> 2) + 1
    if state == LITERALS:
        return 3, distance + 2048, code & 3, at + 1
    return 2, distance, code & 3, at + 1


def _length(source: bytes, at: int, length: int, mask: int) -> tuple[int, int]:
    """A length; where its bits are all 0, it goes on in bytes of which only the last is not 0."""
    if length:
        return length, at
    start = at
    while not source[at]:
        at += 1
    return mask + 255 * (at - start) + source[at], at + 1


def _header(data: memoryview) -> tuple[int, int]:
    """Flags, and the offset of the first block."""
    (version,) = struct.unpack_from(">H", data, 9)
    at = 17 if version >= 0x940 else 14
    (flags,) = struct.unpack_from(">I", data, at)
    at += 4 + (4 if flags & FILTER else 0) + (12 if version >= 0x940 else 8)
    return flags, at + 1 + data[at] + 4


def _pieces(data: memoryview, name: str) -> Iterator[bytes]:
    try:
        flags, at = _header(data)
        while size := struct.unpack_from(">I", data, at)[0]:
            (packed,) = struct.unpack_from(">I", data, at + 4)
            at += 8 + 4 * bool(flags & ADLER_D) + 4 * bool(flags & CRC_D)
            if packed < size:
                at += 4 * bool(flags & ADLER_C) + 4 * bool(flags & CRC_C)
            raw = bytes(data[at : at + packed])
            if size > BLOCK or len(raw) < packed or packed > size:
                raise _Bad
            at += packed
            yield raw if packed == size else decode_block(raw, size)
    except (_Bad, IndexError, struct.error) as error:
        raise damaged(name, "lzo") from error


LZOP = Codec("lzo", lambda head: head.startswith(MAGIC), _pieces)
