# SPDX-License-Identifier: GPL-2.0-or-later
"""An interrupt wire: what a device drives and an interrupt controller listens to."""

from collections.abc import Callable


class IrqLine:
    """One wire with a level; the listener hears changes only."""

    __slots__ = ("_listener", "level")

    def __init__(self, listener: Callable[[bool], None] | None = None) -> None:
        self.level = False
        self._listener = listener

    def set(self, level: bool) -> None:
        """Drive the wire high (True) or low."""
        if level != self.level:
            self.level = level
            if self._listener is not None:
                self._listener(level)

    def raise_(self) -> None:
        """Drive the wire high."""
        self.set(True)

    def lower(self) -> None:
        """Drive the wire low."""
        self.set(False)

    def pulse(self) -> None:
        """Make one rising edge and leave the wire low."""
        self.set(False)
        self.set(True)
        self.set(False)

    def edge(self) -> None:
        """Make one rising edge and leave the wire high."""
        self.set(False)
        self.set(True)
