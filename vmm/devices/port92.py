# SPDX-License-Identifier: GPL-2.0-or-later
"""System control port A at port 92: A20 and a fast reset (IBM PS/2 technical reference)."""

from collections.abc import Callable

_RESET, _A20 = 0x01, 0x02


class Port92:
    """One register. A20 is open when firmware hands over."""

    name = "port 92"

    def __init__(self, on_a20: Callable[[bool], None], on_reset: Callable[[], None]) -> None:
        self._on_a20 = on_a20
        self._on_reset = on_reset
        self._stored = _A20

    def reset(self) -> None:
        """A20 open, reset line quiet."""
        self._stored = _A20

    def port_read(self, offset: int, size: int) -> int:
        return self._stored

    def port_write(self, offset: int, size: int, value: int) -> None:
        """A rising edge of bit 0 resets the processor."""
        before, self._stored = self._stored, value
        if (before ^ value) & _A20:
            self._on_a20(bool(value & _A20))
        if value & ~before & _RESET:
            self._on_reset()
