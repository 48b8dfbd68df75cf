# SPDX-License-Identifier: GPL-2.0-or-later
"""Files that hold files: a `Member` each, and the `Archive` that a kind declares."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Member:
    """One file inside another. `name` is its path in there, as people write it: "usr/bin/ls"."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Archive:
    """A row of the registry: one file of this package each, named `ARCHIVE` there.

    `matches` tells by contents alone, answers for any bytes and raises nothing. `members` takes the contents,
    a name for sentences and the most bytes that one member may have unpacked; it yields every regular file,
    or raises a `PatcherError` where the archive is damaged (what came before stays valid). Nothing is written
    to disk.
    """

    name: str
    rank: int
    matches: Callable[[bytes], bool]
    members: Callable[[bytes, str, int], Iterator[Member]]
