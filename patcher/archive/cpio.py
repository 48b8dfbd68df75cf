# SPDX-License-Identifier: GPL-2.0-or-later
"""cpio archives in the "newc" form, and initial RAM disks made of several of them.

Linux, Documentation/driver-api/early-userspace/buffer-format.rst: archives follow one another with zeros between
them, and any of them may be compressed (microcode first, plain, then the packed rest).
"""

from collections.abc import Iterator

from patcher.archive.codec import PieceReader, codec_of
from patcher.archive.model import Archive, Member, too_large
from patcher.errors import PatcherError

MAGICS = (b"070701", b"070702")
HEADER = 110
TRAILER = "TRAILER!!!"
MAX_NAME = 4096
REGULAR, TYPE_MASK = 0o100000, 0o170000


def is_cpio(head: bytes) -> bool:
    """Whether an archive in the new form begins so."""
    return head[:6] in MAGICS


def _align(stream: PieceReader) -> None:
    stream.skip(-stream.position % 4)


def _after_zeros(stream: PieceReader) -> bytes:
    """Pass over zeros; the bytes that follow, which stay."""
    while (head := stream.peek(512)) and not head.strip(b"\0"):
        stream.skip(len(head))
    stream.skip(len(head) - len(head.lstrip(b"\0")))
    return stream.peek(32)


def cpio_members(stream: PieceReader, name: str, limit: int) -> Iterator[Member]:
    """Every regular file of the archives in a stream."""
    while is_cpio(_after_zeros(stream)):
        yield from _one(stream, name, limit)


def _one(stream: PieceReader, name: str, limit: int) -> Iterator[Member]:
    while True:
        header = stream.read(HEADER)
        fields = _fields(header, name)
        path = stream.read(min(fields[11], MAX_NAME)).rstrip(b"\0").decode("utf-8", "replace")
        stream.skip(max(0, fields[11] - MAX_NAME))
        _align(stream)
        if path == TRAILER:
            return
        size = fields[6]
        if fields[1] & TYPE_MASK == REGULAR and size:
            if size > limit:
                yield too_large(path, size, limit)
                stream.skip(size)
            else:
                data = stream.read(size)
                if len(data) < size:
                    raise PatcherError(
                        f"{name} is truncated: its member {path} has {size} bytes, not {len(data)}."
                    )
                yield Member(path, data)
        else:
            stream.skip(size)
        _align(stream)


def _fields(header: bytes, name: str) -> list[int]:
    """The thirteen numbers behind the magic: inode, mode, …, [6] file size, …, [11] name size."""
    try:
        if len(header) < HEADER or not is_cpio(header) or not header.isalnum():
            raise ValueError
        return [int(header[at : at + 8], 16) for at in range(6, HEADER, 8)]
    except ValueError:
        raise PatcherError(f"{name} is damaged: it has no cpio header where one should be.") from None


def _members(data: bytes, name: str, limit: int) -> Iterator[Member]:
    """Plain archives first, then whatever is behind them, unpacked if need be."""
    view = memoryview(data)
    stream = PieceReader(iter([view]))
    yield from cpio_members(stream, name, limit)
    rest = view[stream.position :]
    codec = codec_of(rest)
    if codec is not None:
        yield from cpio_members(PieceReader(codec.pieces(rest, name)), name, limit)
    elif rest:
        raise PatcherError(
            f"{name} goes on with what is no cpio archive at file offset {len(data) - len(rest):#x}."
        )


ARCHIVE = Archive("cpio", rank=40, matches=is_cpio, members=_members)
