# SPDX-License-Identifier: GPL-2.0-or-later
"""A part of all files, for one of several runs that share nothing: `--shard 2/5`, and `patchvisor merge` afterwards."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from zlib import crc32

from patcher.auditing.many import Task
from patcher.errors import PatcherError


@dataclass(frozen=True, slots=True)
class Shard:
    """The part `number` (from 1) of `of` parts. Every file is in exactly one, told by its path alone."""

    number: int
    of: int

    def part(self, tasks: Iterable[Task]) -> Iterator[Task]:
        """The tasks of this part."""
        return (task for task in tasks if _number(task.path) % self.of == self.number - 1)


def _number(path: str) -> int:
    return crc32(path.encode("utf-8", "surrogateescape"))


def shard(text: str) -> Shard:
    """`I/N`, with 1 <= I <= N. Raises `PatcherError`."""
    number, slash, of = text.partition("/")
    if not (slash and number.isascii() and number.isdecimal() and of.isascii() and of.isdecimal()):
        raise PatcherError(f"{text!r} is no shard: write 2/5 for the second of five.")
    found = Shard(int(number), int(of))
    if not 1 <= found.number <= found.of:
        raise PatcherError(f"There is no part {found.number} of {found.of}: parts are counted from 1.")
    return found
