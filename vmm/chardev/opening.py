# SPDX-License-Identifier: GPL-2.0-or-later
"""From QEMU's word for a character device to its backend."""

from pathlib import Path

from vmm.chardev.backend import CharBackend
from vmm.errors import VmmError


def open_backend(word: str) -> CharBackend | None:
    """The backend for stdio, mon:stdio or file:PATH; None for null and none."""
    if word in ("null", "none"):
        return None
    if word in ("stdio", "mon:stdio"):
        from vmm.chardev.stdio import StdioBackend

        return StdioBackend()
    if word.startswith("file:"):
        from vmm.chardev.file import FileBackend

        return FileBackend(Path(word.removeprefix("file:")))
    raise VmmError(f"There is no character device {word!r}: stdio, mon:stdio, file:PATH, null and none are known.")
