# SPDX-License-Identifier: GPL-2.0-or-later
"""Compressed streams: told by their first bytes, unpacked a piece at a time, whatever size they claim.

A `Codec` yields pieces of at most `PIECE` bytes (one block, where the format has larger ones), so that who reads
decides how much is enough: `unpack` refuses what grows beyond a limit, `PieceReader` hands out as many bytes
as are asked for. Bytes behind a stream's end are no concern (a kernel's payload has its size there).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from io import BytesIO

from patcher.errors import PatcherError

PIECE = 1 << 18
"""Bytes that are unpacked at once."""
FEED = 1 << 16
"""Compressed bytes that are handed over at once."""
MEMORY = 128 << 20
"""The most that a stream may demand for its window."""


@dataclass(frozen=True, slots=True)
class Codec:
    """A kind of compressed stream. `pieces` takes its bytes, and a name for the sentence if it is damaged."""

    name: str
    matches: Callable[[bytes], bool]
    pieces: Callable[[memoryview, str], Iterator[bytes]]


def damaged(name: str, codec: str, why: object = "") -> PatcherError:
    """The failure of a stream that does not unpack."""
    text = str(why).strip().rstrip(".")
    return PatcherError(f"The {codec} stream of {name} is damaged{': ' + text if text else ''}.")


@cache
def codecs() -> tuple[Codec, ...]:
    """Every kind that is known."""
    from patcher.archive.codec_lz4 import LZ4, LZ4_LEGACY
    from patcher.archive.codec_lzo import LZOP
    from patcher.archive.codec_stdlib import BZIP2, GZIP, LZMA, XZ
    from patcher.archive.codec_zstd import ZSTD

    return GZIP, XZ, ZSTD, BZIP2, LZ4, LZ4_LEGACY, LZOP, LZMA


def codec_of(data: bytes | memoryview) -> Codec | None:
    """The kind of stream that begins here."""
    head = bytes(data[:32])
    return next((codec for codec in codecs() if codec.matches(head)), None)


class PieceReader:
    """Pieces as a stream with `read`, as archives want to read them. Skipped bytes are never joined."""

    def __init__(self, pieces: Iterator[bytes] | Iterator[memoryview]) -> None:
        self._pieces: Iterator[bytes | memoryview] = iter(pieces)
        self._piece = memoryview(b"")
        self._at = 0
        self._before = 0

    @property
    def position(self) -> int:
        """Bytes that were read or skipped."""
        return self._before + self._at

    def read(self, size: int) -> bytes:
        """The next `size` bytes; fewer at the end."""
        end = self._at + size
        if end <= len(self._piece):
            found = bytes(self._piece[self._at : end])
            self._at = end
            return found
        parts = BytesIO()
        for part in self._parts(size):
            parts.write(part)
        return parts.getvalue()

    def skip(self, size: int) -> None:
        """Pass over `size` bytes."""
        for _ in self._parts(size):
            pass

    def peek(self, size: int) -> bytes:
        """The next bytes, which the next `read` gives again."""
        found = self.read(size)
        if self._at >= len(found):
            self._at -= len(found)
        else:
            self._before += self._at - len(found)
            self._piece, self._at = memoryview(found + bytes(self._piece[self._at :])), 0
        return found

    def _parts(self, size: int) -> Iterator[memoryview]:
        while size > 0:
            if self._at >= len(self._piece):
                piece = next(self._pieces, None)
                if piece is None:
                    return
                self._before += len(self._piece)
                self._piece, self._at = memoryview(piece), 0
                continue
            part = self._piece[self._at : self._at + size]
            self._at += len(part)
            size -= len(part)
            yield part


def unpack(codec: Codec, data: bytes | memoryview, name: str, limit: int) -> bytes:
    """A whole stream; a `PatcherError` when it is damaged or more than `limit` bytes long."""
    whole = BytesIO()  # it gives its bytes away without a copy
    for piece in codec.pieces(memoryview(data), name):
        if whole.tell() + len(piece) > limit:
            raise PatcherError(f"{name} unpacks to more than {limit} bytes, which is the limit.")
        whole.write(piece)
    return whole.getvalue()
