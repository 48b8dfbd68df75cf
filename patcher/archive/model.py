# SPDX-License-Identifier: GPL-2.0-or-later
"""Files that hold files: a `Member` each, and the `Archive` that a kind declares."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Member:
    """One file inside another. `name` is its path in there, as people write it: "usr/bin/ls".

    `problem` is the sentence that says why it was not read ("" when it was); `data` is empty then. `is_all`: a
    wrapper holds nothing else.
    """

    name: str
    data: bytes
    problem: str = ""
    is_all: bool = False


@dataclass(frozen=True, slots=True)
class Archive:
    """A row of the registry: one file of this package each, named `ARCHIVE` there.

    `matches` tells by contents alone, answers for any bytes and raises nothing. `members` takes the contents,
    a name for sentences and the most bytes that one member may have unpacked; it yields every regular file,
    or raises a `PatcherError` where the archive is damaged (what came before stays valid). Nothing is written
    to disk, and nothing but the member that was yielded last is kept. `is_wrapper` is set for what only packs
    one file: who names it means the file inside.
    """

    name: str
    rank: int
    matches: Callable[[bytes], bool]
    members: Callable[[bytes, str, int], Iterator[Member]]
    is_wrapper: bool = False


def too_large(name: str, size: int | None, limit: int) -> Member:
    """The member that was not read because of its size (None: not known)."""
    amount = "It unpacks to more" if size is None else f"It has {size} bytes, more"
    return Member(name, b"", f"{amount} than the limit of {limit} bytes.")
