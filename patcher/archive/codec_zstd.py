# SPDX-License-Identifier: GPL-2.0-or-later
"""Zstandard (RFC 8878), by the standard library where it has it (3.14), else by the package zstandard.

The package is the optional extra `audit`; without it the sentence says what to install.
"""

from collections.abc import Callable, Iterator
from typing import Protocol

from patcher.archive.codec import MEMORY, Codec, damaged
from patcher.errors import PatcherError

MAGIC = b"\x28\xb5\x2f\xfd"
SKIPPABLE = range(0x50, 0x60)
"""First bytes of frames that hold no data; the rest of their magic is `SKIPPABLE_TAIL`."""
SKIPPABLE_TAIL = b"\x2a\x4d\x18"
SMALL = 1 << 11
"""Compressed bytes a feed: the package unpacks each feed whole, and a block of 128 KiB takes four bytes at least."""


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes) -> bytes: ...


def _maker(name: str) -> tuple[Callable[[], _Decompressor], type[Exception]]:
    """Makes decompressors of one frame each, and what they raise."""
    try:
        import zstandard
    except ImportError:
        return _standard_maker(name)
    window = MEMORY
    return lambda: zstandard.ZstdDecompressor(max_window_size=window).decompressobj(), zstandard.ZstdError


def _standard_maker(name: str) -> tuple[Callable[[], _Decompressor], type[Exception]]:
    try:
        from importlib import import_module

        module = import_module("compression.zstd")
    except ImportError:
        raise PatcherError(
            f"{name} is compressed with zstd, which needs the package zstandard (the extra named audit)."
        ) from None
    options = {module.DecompressionParameter.window_log_max: MEMORY.bit_length() - 1}
    return lambda: module.ZstdDecompressor(options=options), module.ZstdError


def _pieces(data: memoryview, name: str) -> Iterator[bytes]:
    make, failure = _maker(name)
    at = 0
    while True:
        at = _past_skippable(data, at)
        if bytes(data[at : at + 4]) != MAGIC:
            return
        frame = make()
        while not frame.eof:
            feed, at = bytes(data[at : at + SMALL]), at + SMALL
            if not feed:
                raise damaged(name, "zstd", "it ends too early")
            try:
                piece = frame.decompress(feed)
            except failure as error:
                raise damaged(name, "zstd", error) from error
            if piece:
                yield piece
        at = min(at, len(data)) - len(frame.unused_data)


def _past_skippable(data: memoryview, at: int) -> int:
    while at + 8 <= len(data) and data[at] in SKIPPABLE and bytes(data[at + 1 : at + 4]) == SKIPPABLE_TAIL:
        at += 8 + int.from_bytes(data[at + 4 : at + 8], "little")
    return at


def _matches(head: bytes) -> bool:
    return head.startswith(MAGIC) or (len(head) > 4 and head[0] in SKIPPABLE and head[1:4] == SKIPPABLE_TAIL)


ZSTD = Codec("zstd", _matches, _pieces)
