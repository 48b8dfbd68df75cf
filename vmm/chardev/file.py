# SPDX-License-Identifier: GPL-2.0-or-later
"""A backend that writes to a file (`-serial file:NAME`); there is no input."""

from collections.abc import Callable
from pathlib import Path

from vmm.chardev.backend import CharReceiver
from vmm.errors import VmmError


class FileBackend:
    """Output goes to `path`, which is made anew; every write is in the file when it returns."""

    def __init__(self, path: Path) -> None:
        self.wake: Callable[[], None] | None = None
        #: what went wrong with writing; output is dropped from then on
        self.failure: VmmError | None = None
        self._path = path
        try:
            self._file = path.open("wb", buffering=0)
        except OSError as error:
            raise VmmError(f"Cannot write character output to {path}: {error.strerror}.") from error

    def write(self, data: bytes) -> None:
        if self.failure is not None:
            return
        try:
            self._file.write(data)
        except OSError as error:
            self.failure = VmmError(f"Cannot write character output to {self._path}: {error.strerror}.")

    def connect(self, receiver: CharReceiver) -> None:
        """A file sends nothing."""

    def pump(self) -> None:
        """There is nothing to hand over."""

    def close(self) -> None:
        self._file.close()
