# SPDX-License-Identifier: GPL-2.0-or-later
"""The PC/AT's wiring of coprocessor errors: FERR to IRQ 13, ports F0 and F1 to let the processor go on.

SDM vol. 1, 8.7.2 and appendix D.2.1: with CR0.NE clear an unmasked x87 error raises FERR; the handler
writes port F0, which ends the interrupt and asserts IGNNE until the error is gone.
"""

from vmm.devices.irq import IrqLine


class FpuError:
    """Offsets 0 (clear busy) and 1 (reset the coprocessor)."""

    name = "fpu error latch"

    def __init__(self, irq: IrqLine) -> None:
        self._irq = irq
        #: the IGNNE pin: floating-point instructions go on in spite of a waiting error
        self.ignore_errors = False

    def reset(self) -> None:
        self.ignore_errors = False
        self._irq.lower()

    def error(self) -> bool:
        """FERR: the processor met an unmasked error with CR0.NE clear. May it go on in spite of it?"""
        if not self.ignore_errors:
            self._irq.raise_()
        return self.ignore_errors

    def error_gone(self) -> None:
        """FERR falls: the error was cleared, IGNNE with it."""
        self.ignore_errors = False

    def port_read(self, offset: int, size: int) -> int:
        return 0xFF

    def port_write(self, offset: int, size: int, value: int) -> None:
        if self._irq.level:
            self.ignore_errors = True
        self._irq.lower()
