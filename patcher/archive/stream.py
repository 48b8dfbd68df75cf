# SPDX-License-Identifier: GPL-2.0-or-later
"""Files that are packed alone: gzip, xz, zstd, bzip2, lz4, lzo, lzma (".ko.xz"), and packed tar and cpio archives.

The latter are read as they unpack, so that an archive of any size takes no more room than its largest member.
"""

from collections.abc import Iterator

from patcher.archive.codec import Codec, PieceReader, codec_of
from patcher.archive.cpio import cpio_members, is_cpio
from patcher.archive.model import Archive, Member, too_large
from patcher.archive.tar import BLOCK, is_tar, tar_members
from patcher.errors import PatcherError

SUFFIXES = (".gz", ".xz", ".zst", ".bz2", ".lz4", ".lzo", ".lzma")


def _inner_name(name: str) -> str:
    """What the file inside is called: the outer name without its suffix."""
    last = name.rpartition("!")[2].rpartition("/")[2]
    for suffix in SUFFIXES:
        if last.lower().endswith(suffix):
            return last[: -len(suffix)] or "contents"
    return "contents"


def _codec(data: bytes, name: str) -> Codec:
    codec = codec_of(data)
    if codec is None:
        raise PatcherError(f"{name} is no compressed stream.")
    return codec


def _members(data: bytes, name: str, limit: int) -> Iterator[Member]:
    stream = PieceReader(_codec(data, name).pieces(memoryview(data), name))
    head = stream.peek(BLOCK)
    if is_tar(head):
        yield from tar_members(stream, name, limit)
    elif is_cpio(head):
        yield from cpio_members(stream, name, limit)
    else:
        inner, contents = _inner_name(name), stream.read(limit)
        yield too_large(inner, None, limit) if stream.peek(1) else Member(inner, contents, is_all=True)


ARCHIVE = Archive(
    "compressed", rank=60, matches=lambda data: codec_of(data) is not None, members=_members, is_wrapper=True
)
