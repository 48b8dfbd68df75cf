# SPDX-License-Identifier: GPL-2.0-or-later
"""LZ4, in frames and in the legacy form that Linux uses for kernels (lz4, doc/lz4_Frame_format.md and
doc/lz4_Block_format.md). Checksums are not verified: what does not unpack is damaged enough.
"""

import struct
from collections.abc import Iterator

from patcher.archive.codec import Codec, damaged

MAGIC, LEGACY_MAGIC = b"\x04\x22\x4d\x18", b"\x02\x21\x4c\x18"
LEGACY_BLOCK = 8 << 20
TRAILER = 64
"""Bytes behind the last legacy block that may be something else: nothing marks a stream's end."""
HISTORY = 1 << 16
"""How far back a match may reach, into earlier blocks too."""
RAW = 1 << 31
SIZES = {4: 1 << 16, 5: 1 << 18, 6: 1 << 20, 7: 4 << 20}


class _Bad(Exception):
    """A block that makes no sense."""


def decode_block(source: bytes, history: bytes, limit: int) -> bytes:
    """One block's bytes; matches may reach into `history`, and more than `limit` bytes are refused."""
    out = bytearray(history)
    before, end, at = len(history), len(source), 0
    while at < end:
        token = source[at]
        length, at = _length(source, at + 1, token >> 4)
        out += source[at : at + length]
        at += length
        if at >= end:
            break
        offset = source[at] | source[at + 1] << 8
        length, at = _length(source, at + 2, token & 15)
        length += 4
        start = len(out) - offset
        if not offset or start < 0 or len(out) + length - before > limit:
            raise _Bad
        if offset >= length:
            out += out[start : start + length]
        else:
            out += (out[start:] * (length // offset + 1))[:length]
    if len(out) - before > limit:
        raise _Bad
    del out[:before]
    return bytes(out)


def _length(source: bytes, at: int, length: int) -> tuple[int, int]:
    """A length whose first four bits were in the token, and the offset behind it."""
    if length == 15:
        byte = 255
        while byte == 255:
            byte = source[at]
            length, at = length + byte, at + 1
    return length, at


def _frames(data: memoryview, name: str) -> Iterator[bytes]:
    at = 0
    try:
        while bytes(data[at : at + 4]) == MAGIC:
            flags, sizes = data[at + 4], data[at + 5]
            at += 7 + (8 if flags & 8 else 0) + (4 if flags & 1 else 0)
            history = b""
            while size := struct.unpack_from("<I", data, at)[0]:
                raw = bytes(data[at + 4 : at + 4 + (size & ~RAW)])
                if len(raw) < size & ~RAW:
                    raise _Bad
                piece = raw if size & RAW else decode_block(raw, history, SIZES[sizes >> 4 & 7])
                history = b"" if flags & 0x20 else (history + piece)[-HISTORY:]
                at += 4 + len(raw) + (4 if flags & 0x10 else 0)
                yield piece
            at += 4 + (4 if flags & 4 else 0)
    except (_Bad, IndexError, KeyError, struct.error) as error:
        raise damaged(name, "lz4") from error


def _legacy(data: memoryview, name: str) -> Iterator[bytes]:
    """Blocks of 8 MiB, each with its packed size; ends where no such size can be."""
    at = 4
    while at + 4 <= len(data):
        size = struct.unpack_from("<I", data, at)[0]
        if bytes(data[at : at + 4]) == LEGACY_MAGIC:
            at += 4
            continue
        if not size or at + 4 + size > len(data):
            if len(data) - at > TRAILER:
                raise damaged(name, "lz4", "it ends too early")
            return
        try:
            yield decode_block(bytes(data[at + 4 : at + 4 + size]), b"", LEGACY_BLOCK)
        except (_Bad, IndexError) as error:
            raise damaged(name, "lz4") from error
        at += 4 + size


LZ4 = Codec("lz4", lambda head: head.startswith(MAGIC), _frames)
LZ4_LEGACY = Codec("lz4", lambda head: head.startswith(LEGACY_MAGIC), _legacy)
