# SPDX-License-Identifier: GPL-2.0-or-later
"""QEMU's isa-debug-exit: a write ends the machine with status (value << 1) | 1."""

from collections.abc import Callable
from dataclasses import dataclass

from vmm.errors import VmmError


@dataclass(frozen=True, slots=True)
class DebugExitPort:
    """Where the device sits; the defaults are QEMU's."""

    iobase: int = 0x501
    iosize: int = 2

    def __post_init__(self) -> None:
        if not 0 <= self.iobase <= 0xFFFF or not 1 <= self.iosize <= 0x10000 - self.iobase:
            raise VmmError(f"isa-debug-exit cannot have {self.iosize} ports from port {self.iobase:#x} on.")


class DebugExit:
    """`on_exit` gets the exit status; the machine stops when it can."""

    name = "isa-debug-exit"

    def __init__(self, on_exit: Callable[[int], None]) -> None:
        self._on_exit = on_exit

    def reset(self) -> None:
        """There is no state."""

    def port_read(self, offset: int, size: int) -> int:
        return 0

    def port_write(self, offset: int, size: int, value: int) -> None:
        self._on_exit(value << 1 | 1)
