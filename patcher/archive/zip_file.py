# SPDX-License-Identifier: GPL-2.0-or-later
"""ZIP archives, by the standard library (APPNOTE.TXT). Encrypted members are told, not read."""

import struct
import zlib
from collections.abc import Iterator
from io import BytesIO
from typing import TYPE_CHECKING

from patcher.archive.model import Archive, Member, too_large
from patcher.errors import PatcherError

if TYPE_CHECKING:
    from zipfile import ZipFile, ZipInfo

MAGIC = b"PK\x03\x04"
ENCRYPTED = 1


def _failures() -> tuple[type[Exception], ...]:
    """What the library raises over damaged archives."""
    from lzma import LZMAError
    from zipfile import BadZipFile

    return (
        BadZipFile, zlib.error, LZMAError, EOFError, OSError, ValueError, NotImplementedError, RuntimeError,
        OverflowError, IndexError, KeyError, struct.error,
    )  # fmt: skip


def _members(data: bytes, name: str, limit: int) -> Iterator[Member]:
    from zipfile import ZipFile  # it takes a tenth of the time to the first result

    try:
        archive = ZipFile(BytesIO(data))
        rows = archive.infolist()
    except _failures() as error:
        raise PatcherError(f"{name} is damaged: its ZIP directory cannot be read.") from error
    with archive:
        for row in rows:
            if row.file_size and not row.filename.endswith("/"):
                yield _member(archive, row, limit)


def _member(archive: "ZipFile", row: "ZipInfo", limit: int) -> Member:
    if row.file_size > limit:
        return too_large(row.filename, row.file_size, limit)
    if row.flag_bits & ENCRYPTED:
        return Member(row.filename, b"", "It is encrypted.")
    try:
        with archive.open(row) as stream:
            contents = stream.read(limit + 1)
    except _failures() as error:
        return Member(row.filename, b"", f"It is damaged: {str(error).rstrip('.')}.")
    return Member(row.filename, contents) if len(contents) <= limit else too_large(row.filename, None, limit)


ARCHIVE = Archive("zip", rank=50, matches=lambda data: data.startswith(MAGIC), members=_members)
