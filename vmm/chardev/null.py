# SPDX-License-Identifier: GPL-2.0-or-later
"""Nobody at the other end: output is dropped, input never comes."""

from collections.abc import Callable

from vmm.chardev.backend import CharReceiver


class NullBackend:
    """The backend of `-serial none`."""

    def __init__(self) -> None:
        self.wake: Callable[[], None] | None = None

    def write(self, data: bytes) -> None:
        """Drop the output."""

    def connect(self, receiver: CharReceiver) -> None:
        """There is nothing to receive."""

    def pump(self) -> None:
        """There is nothing to hand over."""

    def close(self) -> None:
        """There is nothing to close."""
