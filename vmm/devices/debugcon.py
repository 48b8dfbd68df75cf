# SPDX-License-Identifier: GPL-2.0-or-later
"""The debug console of Bochs and QEMU: a port that writes characters; reading it says whether it is there."""

from vmm.chardev.backend import CharBackend

_BYTES = tuple(bytes((i,)) for i in range(256))
PRESENT = 0xE9


class DebugConsole:
    """One register; reads give E9 (QEMU's `readback`)."""

    name = "debugcon"

    def __init__(self, backend: CharBackend) -> None:
        self._backend = backend

    def reset(self) -> None:
        """There is no state."""

    def port_read(self, offset: int, size: int) -> int:
        return PRESENT

    def port_write(self, offset: int, size: int, value: int) -> None:
        self._backend.write(_BYTES[value])
