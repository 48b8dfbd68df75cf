# SPDX-License-Identifier: GPL-2.0-or-later
"""ar archives: static libraries, and the outside of Debian packages (System V form with GNU's and BSD's long names)."""

from collections.abc import Iterator

from patcher.archive.model import Archive, Member, too_large
from patcher.errors import PatcherError

MAGIC, THIN = b"!<arch>\n", b"!<thin>\n"
HEADER = 60
INDEXES = ("/", "/SYM64/", "__.SYMDEF", "__.SYMDEF SORTED", "__.SYMDEF_64")
LONG_NAMES = "//"


def ar_parts(data: bytes, name: str) -> Iterator[tuple[str, memoryview]]:
    """Name and contents of every member, as views of `data`."""
    view, at, names = memoryview(data), len(MAGIC), b""
    while at + HEADER <= len(data):
        text, size = _header(data[at : at + HEADER], at, name)
        start, at = at + HEADER, at + HEADER + size
        if at > len(data):
            raise PatcherError(f"{name} is truncated: its member {text} ends at file offset {at:#x}.")
        part = view[start:at]
        at += at & 1
        if text == LONG_NAMES:
            names = bytes(part)
        elif text not in INDEXES:
            yield _named(text, part, names)


def _header(header: bytes, at: int, name: str) -> tuple[str, int]:
    size = header[48:58].strip()
    if header[58:] != b"`\n" or not size.isdigit():
        raise PatcherError(f"{name} is damaged: it has no ar header at file offset {at:#x}.")
    return header[:16].decode("utf-8", "replace").rstrip(" "), int(size)


def _named(text: str, part: memoryview, names: bytes) -> tuple[str, memoryview]:
    if text.startswith("#1/") and text[3:].isdigit():
        size = int(text[3:])
        return bytes(part[:size]).rstrip(b"\0").decode("utf-8", "replace"), part[size:]
    if text.startswith("/") and text[1:].isdigit():
        long = names[int(text[1:]) :].partition(b"\n")[0]
        return long[:4096].decode("utf-8", "replace").rstrip("/"), part
    return text.removesuffix("/"), part


def _members(data: bytes, name: str, limit: int) -> Iterator[Member]:
    if data.startswith(THIN):
        raise PatcherError(f"{name} is a thin archive: its members are files of their own.")
    for text, part in ar_parts(data, name):
        if text not in INDEXES:
            yield Member(text, bytes(part)) if len(part) <= limit else too_large(text, len(part), limit)


ARCHIVE = Archive("ar", rank=20, matches=lambda data: data.startswith((MAGIC, THIN)), members=_members)
