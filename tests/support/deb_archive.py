# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian packages unpacked with the standard library: an `ar` archive that holds a packed tar (deb(5))."""

import bz2
import gzip
import importlib
import io
import lzma
import re
import tarfile
from collections.abc import Callable, Iterator
from typing import IO

MAGIC = b"!<arch>\n"
HEADER = 60


class DamagedPackage(Exception):
    """The bytes are no Debian package, or not the one that was expected; a sentence."""


def members(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Name and contents of every member of an `ar` archive (ar(5), the plain format without long names)."""
    if not data.startswith(MAGIC):
        raise DamagedPackage("The file does not begin as an ar archive does.")
    at = len(MAGIC)
    while at + HEADER <= len(data):
        header = data[at : at + HEADER]
        name, size = header[:16].decode("ascii", "replace").rstrip(" /"), header[48:58].strip()
        if header[58:60] != b"`\n" or not size.isdigit() or at + HEADER + int(size) > len(data):
            raise DamagedPackage(f"The ar member at file offset {at:#x} is damaged.")
        yield name, data[at + HEADER : at + HEADER + int(size)]
        at += HEADER + int(size) + int(size) % 2


def _zstd(packed: io.BytesIO) -> IO[bytes]:
    try:
        zstd = importlib.import_module("compression.zstd")  # Python 3.14
    except ModuleNotFoundError:
        raise DamagedPackage("The package is compressed with zstd, which needs Python 3.14.") from None
    opened: IO[bytes] = zstd.open(packed)
    return opened


OPENERS: dict[str, Callable[[io.BytesIO], IO[bytes]]] = {
    "data.tar": lambda packed: packed,
    "data.tar.gz": lambda packed: gzip.GzipFile(fileobj=packed),
    "data.tar.bz2": lambda packed: bz2.BZ2File(packed),
    "data.tar.xz": lambda packed: lzma.LZMAFile(packed),  # noqa: SIM115
    "data.tar.zst": _zstd,
}


def unpack(data: bytes, pattern: str) -> tuple[str, bytes]:
    """The first file of a package whose path ("boot/vmlinuz-6.1") matches a regular expression whole."""
    for name, packed in members(data):
        if name in OPENERS:
            return _find(OPENERS[name](io.BytesIO(packed)), pattern)
    raise DamagedPackage("The package has no data.tar in a compression that is known.")


def _find(stream: IO[bytes], pattern: str) -> tuple[str, bytes]:
    wanted = re.compile(pattern)
    with tarfile.open(fileobj=stream, mode="r|") as tar:
        for entry in tar:
            path = entry.name.removeprefix("./")
            if entry.isfile() and wanted.fullmatch(path):
                file = tar.extractfile(entry)
                assert file is not None, "a regular file has contents"
                return path, file.read()
    raise DamagedPackage(f"The package holds no file {pattern}.")
