# SPDX-License-Identifier: GPL-2.0-or-later
"""One device, several backends: all get the output, all may send input."""

from collections.abc import Callable

from vmm.chardev.backend import CharBackend, CharReceiver


class TeeBackend:
    """Output goes to every backend in order; the run report's buffer listens beside the terminal so."""

    def __init__(self, *backends: CharBackend) -> None:
        self._backends = backends

    @property
    def wake(self) -> Callable[[], None] | None:
        """The wake call of the first backend; setting it sets all."""
        return self._backends[0].wake if self._backends else None

    @wake.setter
    def wake(self, wake: Callable[[], None] | None) -> None:
        for backend in self._backends:
            backend.wake = wake

    def write(self, data: bytes) -> None:
        for backend in self._backends:
            backend.write(data)

    def connect(self, receiver: CharReceiver) -> None:
        for backend in self._backends:
            backend.connect(receiver)

    def pump(self) -> None:
        for backend in self._backends:
            backend.pump()

    def close(self) -> None:
        for backend in self._backends:
            backend.close()
