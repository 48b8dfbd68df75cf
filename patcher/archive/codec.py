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
    """Pieces as a stream with `read`, as archives want to read them."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._left = b""

    def read(self, size: int) -> bytes:
        """The next `size` bytes; fewer at the end."""
        if size <= len(self._left):
            found, self._left = self._left[:size], self._left[size:]
            return found
        parts, have = [self._left], len(self._left)
        self._left = b""
        while have < size:
            piece = next(self._pieces, None)
            if piece is None:
                break
            parts.append(piece)
            have += len(piece)
        joined = b"".join(parts)
        self._left = joined[size:]
        return joined[:size] if self._left else joined

    def skip(self, size: int) -> None:
        """Pass over `size` bytes, keeping none of them."""
        while size > 0:
            passed = len(self.read(min(size, PIECE)))
            if not passed:
                return
            size -= passed

    def peek(self, size: int) -> bytes:
        """The next bytes, which the next `read` gives again."""
        found = self.read(size)
        self._left = found + self._left
        return found


def unpack(codec: Codec, data: bytes | memoryview, name: str, limit: int) -> bytes:
    """A whole stream; a `PatcherError` when it is damaged or more than `limit` bytes long."""
    whole = BytesIO()  # it gives its bytes away without a copy
    for piece in codec.pieces(memoryview(data), name):
        if whole.tell() + len(piece) > limit:
            raise PatcherError(f"{name} unpacks to more than {limit} bytes, which is the limit.")
        whole.write(piece)
    return whole.getvalue()
