# SPDX-License-Identifier: GPL-2.0-or-later
"""tar archives (POSIX.1-2017, pax, "ustar Interchange Format"; GNU's long names and base-256 numbers).

Read here rather than by `tarfile`, which keeps every header and reads extended ones whole: a stream of any length
goes through, and of each member no more than the limit is ever held.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from patcher.archive.codec import PieceReader
from patcher.archive.model import Archive, Member, too_large
from patcher.errors import PatcherError

BLOCK = 512
REGULAR = b"0\x007"
DIRECTORY = b"5"
SPARSE = b"S"
LONG_NAME, EXTENDED = b"L", b"x"
NO_ENTRY = b"KgVMXN"
"""Types that describe something else: link names, global headers, volume labels, multi-volume parts."""
MAX_PATH = 4096
MAX_HEADER = 1 << 20
"""Bytes of an extended header that are read; names and sizes come far below that."""


@dataclass(frozen=True, slots=True)
class TarEntry:
    """A header: path, one type byte, and the bytes that follow it."""

    path: str
    type: bytes
    size: int

    @property
    def is_regular(self) -> bool:
        return self.type in REGULAR


class TarReader:
    """The entries of a tar stream; `contents` reads those of the last one."""

    def __init__(self, stream: PieceReader, name: str) -> None:
        self._stream, self._name = stream, name
        self._left = 0

    def __iter__(self) -> Iterator[TarEntry]:
        path, size = "", None
        while True:
            self._stream.skip(self._left)
            self._left = 0
            header = self._stream.read(BLOCK)
            if not header.strip(b"\0"):
                return
            entry = _entry(header, self._name)
            self._left = -(-entry.size // BLOCK) * BLOCK
            if entry.type in NO_ENTRY and not entry.is_regular:
                continue
            if entry.type == LONG_NAME:
                path = self.contents(min(entry.size, MAX_HEADER)).rstrip(b"\0").decode("utf-8", "replace")
                continue
            if entry.type == EXTENDED:
                long, size = _extended(self.contents(min(entry.size, MAX_HEADER)))
                path = long or path
                continue
            if size is not None:
                self._left = -(-size // BLOCK) * BLOCK
            yield TarEntry((path or entry.path)[:MAX_PATH], entry.type, entry.size if size is None else size)
            path, size = "", None

    def contents(self, size: int) -> bytes:
        """The first `size` bytes of the entry that was yielded last."""
        data = self._stream.read(min(size, self._left))
        self._left -= len(data)
        if len(data) < size:
            raise PatcherError(
                f"{self._name} is truncated: a member of it has {size} bytes and {len(data)} are left."
            )
        return data


def _entry(header: bytes, name: str) -> TarEntry:
    checksum = sum(header) - sum(header[148:156]) + 8 * 32
    if len(header) < BLOCK or _number(header[148:156]) != checksum:
        raise PatcherError(f"{name} is damaged: it has no tar header where one should be.")
    path = _text(header[:100])
    if header[257:263] == b"ustar\0" and (prefix := _text(header[345:500])):
        path = f"{prefix}/{path}"
    size = _number(header[124:136])
    if size is None:
        raise PatcherError(f"{name} is damaged: the size of its member {path} is no number.")
    return TarEntry(path, header[156:157], size)


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode("utf-8", "replace")


def _number(field: bytes) -> int | None:
    """Octal digits, or GNU's base 256."""
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    digits = field.strip(b" \0")
    if not digits:
        return 0
    return int(digits, 8) if all(digit in b"01234567" for digit in digits) else None


def _extended(data: bytes) -> tuple[str, int | None]:
    """The path and size that an extended header gives ("" and None where it does not): "LENGTH KEY=VALUE\\n"."""
    path, size, at = "", None, 0
    while at < len(data):
        length, _, _ = data[at : at + 20].partition(b" ")
        if not length.isdigit() or not int(length):
            break
        key, _, value = data[at + len(length) + 1 : at + int(length) - 1].partition(b"=")
        at += int(length)
        if key == b"path":
            path = value.decode("utf-8", "replace")
        elif key == b"size" and value.isdigit() and len(value) < 20:
            size = int(value)
    return path, size


def is_tar(head: bytes) -> bool:
    """Whether a tar archive begins so."""
    return len(head) >= BLOCK and head[257:262] == b"ustar" and bool(head[0])


def tar_members(stream: PieceReader, name: str, limit: int) -> Iterator[Member]:
    """Every regular file of a tar stream."""
    reader = TarReader(stream, name)
    for entry in reader:
        if entry.type == SPARSE:
            yield Member(entry.path, b"", "It is stored with holes, which is not read.")
        elif entry.is_regular:
            yield member_of(reader, entry, limit)


def member_of(reader: TarReader, entry: TarEntry, limit: int) -> Member:
    """The entry that was yielded last, with its contents."""
    if entry.size > limit:
        return too_large(entry.path, entry.size, limit)
    return Member(entry.path, reader.contents(entry.size))


def _members(data: bytes, name: str, limit: int) -> Iterator[Member]:
    return tar_members(PieceReader(iter([memoryview(data)])), name, limit)


ARCHIVE = Archive("tar", rank=30, matches=lambda data: is_tar(data[:BLOCK]), members=_members)
