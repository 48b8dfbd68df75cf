# SPDX-License-Identifier: GPL-2.0-or-later
"""Scanned pages kept on disk, a patch map an image, so that its second launch scans nothing that the first one did.

The file is read once and replaced in one step, so concurrent runs of one image cost each other what they learned,
never a broken file. A file that does not fit is made anew; a folder that cannot be written costs time, never a failure.
"""

import contextlib
import os
import tempfile
from hashlib import sha256
from pathlib import Path
from typing import Final

from patcher.errors import PatcherError
from patcher.patch_map import PatchMap, decode_map
from vmm.errors import BootError

MOST_BYTES: Final = 256 << 20
"""The most that all maps may take; the ones that were not used for longest go first."""


class PageCache:
    """The maps of one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def file(self, image: bytes) -> Path:
        """Where the map of an image is kept, by its contents."""
        return self.folder / f"{sha256(image).hexdigest()[:32]}.pvmap"

    def load(self, image: bytes) -> PatchMap:
        """What earlier runs of an image learned; an empty map when there is none that fits."""
        file = self.file(image)
        try:
            found = decode_map(file.read_bytes(), str(file))
        except (OSError, PatcherError):
            return PatchMap()
        with contextlib.suppress(OSError):
            os.utime(file)  # used now
        return found

    def store(self, image: bytes, found: PatchMap) -> None:
        """Keep what this run knows."""
        with contextlib.suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
            write_in_one_step(self.file(image), found.encode())
            self._make_room()

    def _make_room(self) -> None:
        files = sorted(self.folder.glob("*.pvmap"), key=lambda file: file.stat().st_mtime)
        size = sum(file.stat().st_size for file in files)
        for file in files[:-1]:
            if size <= MOST_BYTES:
                return
            size -= file.stat().st_size
            file.unlink(missing_ok=True)


def read_map(file: Path) -> PatchMap:
    """The map that a user named. Raises `BootError` when there is none, or none that fits."""
    try:
        return decode_map(file.read_bytes(), str(file))
    except OSError as error:
        raise BootError(f"{file}: {error.strerror}.") from None
    except PatcherError as error:
        raise BootError(str(error)) from None


def write_in_one_step(file: Path, content: bytes) -> None:
    """Put `content` at `file`: readers see the old file or the new one, whole. Raises OSError."""
    handle, temporary = tempfile.mkstemp(dir=file.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        os.replace(temporary, file)
    except BaseException:
        os.unlink(temporary)
        raise
