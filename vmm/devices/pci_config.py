# SPDX-License-Identifier: GPL-2.0-or-later
"""PCI configuration mechanism 1 with an empty bus behind it (PCI Local Bus 3.0, 3.2.2.3.2).

The address register reads back, so a probe sees the mechanism; every function answers with all ones, the
master abort of a bus where nobody claims the cycle.
"""

ADDRESS, DATA = 0, 4
_STORED = 0x80FFFFFC


class PciConfig:
    """Offsets 0 to 3 are CONFIG_ADDRESS (32-bit accesses only), 4 to 7 CONFIG_DATA."""

    name = "pci config"

    def __init__(self) -> None:
        self._address = 0

    def reset(self) -> None:
        """Nothing is addressed."""
        self._address = 0

    def port_read(self, offset: int, size: int) -> int:
        if offset == ADDRESS and size == 4:
            return self._address
        return (1 << 8 * size) - 1

    def port_write(self, offset: int, size: int, value: int) -> None:
        if offset == ADDRESS and size == 4:
            self._address = value & _STORED
