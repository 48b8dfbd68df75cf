# SPDX-License-Identifier: GPL-2.0-or-later
"""Every file in a folder, in archives, and in archives in archives, one at a time and within limits.

Nothing is written to disk and no symbolic link inside a folder is followed, so nothing outside of what was named is
read. At any moment one member and the containers around it are in memory.
"""

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from patcher.archive import detect
from patcher.archive.model import Member
from patcher.archive.oci import MARKER, image_members
from patcher.archive.shown import show, shown_path
from patcher.auditing.model import Unreadable
from patcher.errors import PatcherError

MIB = 1 << 20
FLOOR, RATIO = 256 * MIB, 32
"""What a member may have of any container, and how much better than that containers may be packed."""
ALL_FLOOR, ALL_RATIO = 4096 * MIB, 128
"""The same for all that one file unpacks to, on every level: a small one must not keep us for minutes."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How deep archives may nest, and how many bytes: of one file or member, and of all that one file unpacks to."""

    depth: int = 8
    member: int = 1024 * MIB
    total: int = 65536 * MIB
    members: int = 1_000_000

    def of_member(self, size: int) -> int:
        """The most that a member of a container of `size` bytes may have: little files hold no huge ones."""
        return min(self.member, max(FLOOR, RATIO * size))

    def of_all(self, size: int) -> int:
        """The most that a file of `size` bytes may unpack to."""
        return min(self.total, max(ALL_FLOOR, ALL_RATIO * size))


@dataclass(frozen=True, slots=True)
class Found:
    """A file that is no archive. `path` is as a report shows it: "pkg.deb!./boot/vmlinuz".

    `named` is set when the user named it, or what packs nothing but it; of such a file it is an error that
    nothing can read it, while a folder may well hold files that are no programs.
    """

    path: str
    data: bytes
    named: bool


@dataclass(slots=True)
class _Spent:
    """What one file has unpacked to so far."""

    limits: Limits
    allowed: int
    total: int = 0
    members: int = 0

    def pay(self, member: Member) -> None:
        self.total += len(member.data)
        self.members += 1
        if self.total > self.allowed:
            raise _Exhausted(f"it unpacks to more than {self.allowed} bytes, which is the limit.")
        if self.members > self.limits.members:
            raise _Exhausted(f"it holds more than {self.limits.members} files, which is the limit.")


class _Exhausted(Exception):
    """A limit on all of a file was reached; how."""


def walk(path: str | os.PathLike[str], limits: Limits | None = None) -> Iterator[Found | Unreadable]:
    """Every file that a path names: itself, what a folder holds, what archives hold."""
    allowed = limits or Limits()
    for file, named in files(path):
        yield from walk_file(file, named, allowed)


def files(path: str | os.PathLike[str]) -> Iterator[tuple[Path, bool]]:
    """The files to be read for a path, sorted, and whether the path names them itself.

    A folder that is a container image counts as one file. What is neither file nor folder is passed over
    inside folders, and so are symbolic links.
    """
    top = Path(path)
    if not top.is_dir() or (top / MARKER).is_file():
        yield top, True
        return
    folders = [top]
    while folders:
        folder = folders.pop()
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError:
            yield folder, False
            continue
        below = []
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                inner = Path(entry.path)
                if (inner / MARKER).is_file():
                    yield inner, False
                else:
                    below.append(inner)
            elif entry.is_file(follow_symlinks=False):
                yield Path(entry.path), False
        folders += reversed(below)


def walk_file(path: Path, named: bool, limits: Limits) -> Iterator[Found | Unreadable]:
    """One of `files`: itself, or what it holds."""
    shown = shown_path(path)
    try:
        if path.is_dir() and (path / MARKER).is_file():
            members = image_members(*_in_folder(path, limits.member), shown, limits.member)
            yield from _guarded(shown, _members(members, shown, 1, _Spent(limits, limits.total)))
            return
        data = contents(path, shown, limits.member)
    except (OSError, PatcherError) as error:
        yield Unreadable(shown, reason(shown, error))
        return
    yield from walk_bytes(data, shown, named, limits)


def walk_bytes(
    data: bytes, name: str, named: bool = True, limits: Limits | None = None
) -> Iterator[Found | Unreadable]:
    """A file's contents: themselves, or what they hold."""
    allowed = limits or Limits()
    yield from _guarded(name, _descend(data, name, named, 0, _Spent(allowed, allowed.of_all(len(data)))))


def _guarded(name: str, found: Iterator[Found | Unreadable]) -> Iterator[Found | Unreadable]:
    try:
        yield from found
    except _Exhausted as exhausted:
        yield Unreadable(name, f"{name} was left unfinished: {exhausted}")


def _descend(data: bytes, name: str, named: bool, depth: int, spent: _Spent) -> Iterator[Found | Unreadable]:
    archive = detect(data)
    if archive is None:
        yield Found(name, data, named)
    elif depth >= spent.limits.depth:
        yield Unreadable(name, f"{name} is an archive {depth} archives deep, and that is the limit.")
    else:
        inner = archive.members(data, name, spent.limits.of_member(len(data)))
        yield from _members(inner, name, depth + 1, spent, named and archive.is_wrapper)


def _members(
    members: Iterator[Member], name: str, depth: int, spent: _Spent, named: bool = False
) -> Iterator[Found | Unreadable]:
    try:
        for member in members:
            path = f"{name}!{show(member.name)}"
            spent.pay(member)
            if member.problem:
                yield Unreadable(path, f"{path} was not read: {member.problem}")
            else:
                yield from _descend(member.data, path, named and member.is_all, depth, spent)
    except PatcherError as error:
        yield Unreadable(name, str(error))


def contents(path: Path, shown: str, limit: int) -> bytes:
    """A regular file's bytes. Opening does not wait for whoever writes to a pipe."""
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(handle, "rb") as stream:
        status = os.fstat(stream.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise PatcherError(f"{shown} is no regular file.")
        if status.st_size > limit:
            raise PatcherError(f"{shown} has {status.st_size} bytes, more than the limit of {limit}.")
        return stream.read(status.st_size)


def _in_folder(folder: Path, limit: int) -> tuple[Callable[[str], bytes], Callable[[str], bool]]:
    """How a container image's parts are read from a folder; paths come from digests and have no dots."""

    def blob(path: str) -> bytes:
        try:
            return contents(folder / path, path, limit)
        except OSError as error:
            raise PatcherError(reason(path, error)) from error

    return blob, lambda path: (folder / path).is_file()


def reason(shown: str, error: OSError | PatcherError) -> str:
    """Why a file cannot be read, in a sentence."""
    if isinstance(error, PatcherError):
        return str(error)
    return f"{shown} cannot be read: {(error.strerror or type(error).__name__).lower()}."
