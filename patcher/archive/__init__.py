# SPDX-License-Identifier: GPL-2.0-or-later
"""Files that hold files, for audits. One file a kind: a module here that holds an `ARCHIVE` is a kind.

    for found in patcher.archive.walk.walk("linux.deb"):
        ...

The kind is told by the contents. `walk` descends through folders and archives in archives, within limits.
"""

import importlib
import pkgutil
from functools import cache

from patcher.archive.model import Archive, Member
from patcher.binary import ALONE
from patcher.errors import PatcherError

__all__ = ["Archive", "Member", "archives", "detect"]


@cache
def archives() -> tuple[Archive, ...]:
    """Every kind of this package, in the order in which they are asked."""
    found: dict[str, Archive] = {}
    for info in pkgutil.iter_modules(__path__):
        archive = getattr(importlib.import_module(f"{__name__}.{info.name}"), "ARCHIVE", None)
        if not isinstance(archive, Archive):
            continue
        if archive.name in found:
            raise PatcherError(f"Two modules of {__name__} claim the kind {archive.name}.")
        found[archive.name] = archive
    return tuple(sorted(found.values(), key=lambda archive: archive.rank))


def detect(data: bytes) -> Archive | None:
    """The kind of a file's contents, None when it holds no files."""
    if data[:4] in ALONE:
        return None  # and no kind need be loaded
    return next((archive for archive in archives() if archive.matches(data)), None)
