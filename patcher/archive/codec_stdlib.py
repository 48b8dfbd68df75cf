# SPDX-License-Identifier: GPL-2.0-or-later
"""gzip, bzip2, xz and the older lzma, by the standard library."""

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterator
from typing import Protocol

from patcher.archive.codec import FEED, MEMORY, PIECE, Codec, damaged


class _Decompressor(Protocol):
    """What bz2's and lzma's decompressors have in common."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


def _gunzip(data: memoryview, name: str) -> Iterator[bytes]:
    """Members one behind the other are one stream (RFC 1952, 2.2)."""
    at = 0
    while bytes(data[at : at + 2]) == b"\x1f\x8b":
        member = zlib.decompressobj(31)
        while not member.eof:
            feed = member.unconsumed_tail
            if not feed:
                feed, at = bytes(data[at : at + FEED]), at + FEED
                if not feed:
                    raise damaged(name, "gzip", "it ends too early")
            try:
                piece = member.decompress(feed, PIECE)
            except zlib.error as error:
                raise damaged(name, "gzip", error) from error
            if piece:
                yield piece
        at = min(at, len(data)) - len(member.unused_data)


def _pieces(
    make: Callable[[], _Decompressor], kind: str, magic: bytes
) -> Callable[[memoryview, str], Iterator[bytes]]:
    """Pieces of streams that follow one another as long as they begin with `magic`."""

    def pieces(data: memoryview, name: str) -> Iterator[bytes]:
        at = 0
        while at < len(data):
            stream = make()
            while not stream.eof:
                feed = b""
                if stream.needs_input:
                    feed, at = bytes(data[at : at + FEED]), at + FEED
                    if not feed:
                        raise damaged(name, kind, "it ends too early")
                try:
                    piece = stream.decompress(feed, PIECE)
                except (lzma.LZMAError, OSError, ValueError, EOFError) as error:
                    raise damaged(name, kind, error) from error
                if piece:
                    yield piece
            at = _next_stream(data, min(at, len(data)) - len(stream.unused_data), magic)

    return pieces


def _next_stream(data: memoryview, at: int, magic: bytes) -> int:
    """Where the next stream begins: at once, or for xz behind zeros in fours; the end when none does."""
    while magic.startswith(b"\xfd") and bytes(data[at : at + 4]) == bytes(4):
        at += 4
    return at if magic and bytes(data[at : at + len(magic)]) == magic else len(data)


def _is_lzma(head: bytes) -> bool:
    """No magic: properties as every encoder writes them, a dictionary of a whole power, a sane size."""
    if len(head) < 18 or head[0] != 0x5D or head[13]:
        return False
    window, size = int.from_bytes(head[1:5], "little"), int.from_bytes(head[5:13], "little")
    return window >= 1 << 12 and not window & (window - 1) and (size < 1 << 40 or size == (1 << 64) - 1)


XZ_MAGIC = b"\xfd7zXZ\0"
GZIP = Codec("gzip", lambda head: head.startswith(b"\x1f\x8b\x08"), _gunzip)
BZIP2 = Codec(
    "bzip2",
    lambda head: head.startswith(b"BZh") and head[4:10] in (b"1AY&SY", b"\x17\x72\x45\x38\x50\x90"),
    _pieces(bz2.BZ2Decompressor, "bzip2", b"BZh"),
)
XZ = Codec(
    "xz",
    lambda head: head.startswith(XZ_MAGIC),
    _pieces(lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MEMORY), "xz", XZ_MAGIC),
)
LZMA = Codec(
    "lzma",
    _is_lzma,
    _pieces(lambda: lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=MEMORY), "lzma", b""),
)
