# SPDX-License-Identifier: GPL-2.0-or-later
"""Files that hold files, for audits. One file a kind: a module here that holds an `ARCHIVE` is a kind.

    for found in patcher.archive.walk.walk("linux.deb"):
        ...

The kind is told by the contents. `walk` descends through folders and archives in archives, within limits.
"""

from functools import cache

from patcher.archive.model import Archive, Member
from patcher.binary import ALONE
from patcher.registry import declared

__all__ = ["Archive", "Member", "archives", "detect"]


@cache
def archives() -> tuple[Archive, ...]:
    """Every kind of this package, in the order in which they are asked."""
    found = declared(__name__, __path__, "ARCHIVE", Archive, "kind")
    return tuple(sorted(found.values(), key=lambda archive: archive.rank))


def detect(data: bytes) -> Archive | None:
    """The kind of a file's contents, None when it holds no files."""
    if data[:4] in ALONE:
        return None  # and no kind need be loaded
    return next((archive for archive in archives() if archive.matches(data)), None)
