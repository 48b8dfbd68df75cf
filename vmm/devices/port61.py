# SPDX-License-Identifier: GPL-2.0-or-later
"""System control port B at port 61: speaker gate, counter 2's output, the refresh toggle.

PC/AT technical reference, "System Board I/O". Kernels time themselves by it: Linux and memtest86+ watch bit
5 for the end of counter 2's count, older code counts the toggles of bit 4, one every 15.085 us.
"""

from collections.abc import Callable

GATE2, SPEAKER, REFRESH, OUT2 = 0x01, 0x02, 0x10, 0x20
_STORED = 0x0F  # gate, speaker, and the two check-enable bits that nothing here answers to
#: input clocks of the timer between two refresh cycles
REFRESH_TICKS = 18


class Port61:
    """One register; `set_gate` and `output` are counter 2's pins, `ticks` reads the timer's input clock."""

    name = "port 61"

    def __init__(
        self, set_gate: Callable[[bool], None], output: Callable[[], bool], ticks: Callable[[], int]
    ) -> None:
        self._set_gate = set_gate
        self._output = output
        self._ticks = ticks
        self._stored = 0

    def reset(self) -> None:
        """Gate and speaker off."""
        self.port_write(0, 1, 0)

    @property
    def speaker(self) -> bool:
        """Whether the speaker would follow counter 2."""
        return self._stored & (GATE2 | SPEAKER) == GATE2 | SPEAKER

    def port_read(self, offset: int, size: int) -> int:
        refresh = self._ticks() // REFRESH_TICKS & 1
        return self._stored | refresh * REFRESH | self._output() * OUT2

    def port_write(self, offset: int, size: int, value: int) -> None:
        self._stored = value & _STORED
        self._set_gate(bool(value & GATE2))
