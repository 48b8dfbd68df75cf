# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian packages (deb(5)): an ar archive of two packed tar archives.

Members have the paths that they are installed to.
"""

from collections.abc import Iterator

from patcher.archive.ar import MAGIC, ar_parts
from patcher.archive.codec import PieceReader, codec_of
from patcher.archive.model import Archive, Member
from patcher.archive.tar import tar_members
from patcher.errors import PatcherError

FIRST = MAGIC + b"debian-binary"
CONTROL, DATA = "control.tar", "data.tar"


def _members(data: bytes, name: str, limit: int) -> Iterator[Member]:
    found = False
    for text, part in ar_parts(data, name):
        if not text.startswith((CONTROL, DATA)):
            continue
        codec = codec_of(part)
        pieces = iter([part]) if codec is None else codec.pieces(part, name)
        prefix = "DEBIAN/" if text.startswith(CONTROL) else ""
        found = found or not prefix
        for member in tar_members(PieceReader(pieces), name, limit):
            yield Member(prefix + member.name, member.data, member.problem) if prefix else member
    if not found:
        raise PatcherError(f"{name} is a Debian package without {DATA}.")


ARCHIVE = Archive("deb", rank=10, matches=lambda data: data.startswith(FIRST), members=_members)
