# SPDX-License-Identifier: GPL-2.0-or-later
"""Two cascaded 8259A interrupt controllers with edge/level control registers, as in a PC/AT.

Intel 8259A datasheet (order number 231468-003). Where the sheet leaves room, QEMU's `-M isapc` decides: a
request latched from an edge stays latched when the wire falls again, so a short pulse is never lost.
"""

from collections.abc import Callable

from vmm.devices.irq import IrqLine

_ICW1, _OCW3, _ICW1_NEEDS_ICW4, _ICW1_SINGLE, _ICW1_LEVEL = 0x10, 0x08, 0x01, 0x02, 0x08
_SPURIOUS = 7
CASCADE_INPUT = 2
#: ELCR bits that exist: IRQ 0, 1, 2, 8 and 13 are always edge-triggered (82371SB datasheet, ELCR1/ELCR2).
ELCR_MASKS = (0xF8, 0xDE)


class Pic8259:
    """One 8259A. `output` is its INT pin; `on_output` is called when it changes."""

    def __init__(self, name: str, elcr_mask: int, cascade: int | None = None) -> None:
        self.name = name
        self.output = False
        self.on_output: Callable[[bool], None] | None = None
        self._elcr_mask = elcr_mask
        self._cascade = cascade  # the input another controller is wired to, on the master
        self.levels = 0  # the wires; they belong to the devices and survive a reset
        self.elcr = 0
        self.vector_base = 0
        self._initialise(0)
        self._stage = 0

    def reset(self) -> None:
        """Power-on: nothing requested, nothing masked, priorities 0 to 7."""
        self.elcr = 0
        self.vector_base = 0
        self._initialise(0)
        self._stage = 0
        self.update()

    def _initialise(self, icw1: int) -> None:
        """What ICW1 does: edges are forgotten, the mask is cleared, IR7 is the lowest priority."""
        self._all_level = bool(icw1 & _ICW1_LEVEL)
        self._single = bool(icw1 & _ICW1_SINGLE)
        self._needs_icw4 = bool(icw1 & _ICW1_NEEDS_ICW4)
        self._stage = 2
        self.irr = self.levels & self._level_inputs()
        self.imr = self.isr = 0
        self.highest = 0  # the input with the highest priority
        self._read_isr = self._poll = self._special_mask = False
        self._auto_eoi = self._rotate_on_auto_eoi = self._special_nested = False

    def _level_inputs(self) -> int:
        return 0xFF if self._all_level else self.elcr

    # -- requests ------------------------------------------------------------------------------------------

    def set_input(self, line: int, level: bool) -> None:
        """The wire at input `line` (0-7) changed or is said again to be at `level`."""
        bit = 1 << line
        rising = level and not self.levels & bit
        self.levels = self.levels | bit if level else self.levels & ~bit
        if rising or (level and self._level_inputs() & bit):
            self.irr |= bit
        elif not level and self._level_inputs() & bit:
            self.irr &= ~bit
        self.update()

    def _rank(self, bits: int) -> int:
        """How far the first set bit is below the highest priority; 8 when none is set."""
        if not bits:
            return 8
        turned = (bits >> self.highest | bits << (8 - self.highest)) & 0xFF
        return (turned & -turned).bit_length() - 1

    def requested(self) -> int | None:
        """The input that INT stands for now, or None (datasheet, "Fully Nested Mode" and after)."""
        waiting = self.irr & ~self.imr
        if not waiting:
            return None
        in_service = self.isr
        if self._special_mask:
            in_service &= ~self.imr
        if self._special_nested and self._cascade is not None:
            in_service &= ~(1 << self._cascade)
        rank = self._rank(waiting)
        return (rank + self.highest) & 7 if rank < self._rank(in_service) else None

    def update(self) -> None:
        """Drive INT after anything changed."""
        output = self.requested() is not None
        if output != self.output:
            self.output = output
            if self.on_output is not None:
                self.on_output(output)

    def accept(self) -> int | None:
        """INTA: put the requested input in service and return it; None when the request is gone."""
        line = self.requested()
        if line is None:
            return None
        bit = 1 << line
        if not self._level_inputs() & bit:
            self.irr &= ~bit
        if not self._auto_eoi:
            self.isr |= bit
        elif self._rotate_on_auto_eoi:
            self.highest = (line + 1) & 7
        return line

    # -- ports ---------------------------------------------------------------------------------------------

    def port_read(self, offset: int, size: int) -> int:
        """Offset 0: IRR or ISR as OCW3 chose; offset 1: the mask; either: a poll when OCW3 asked for one."""
        if self._poll:
            self._poll = False
            line = self.accept()
            self.update()
            return 0 if line is None else 0x80 | line
        if offset == 1:
            return self.imr
        return self.isr if self._read_isr else self.irr

    def port_write(self, offset: int, size: int, value: int) -> None:
        """Offset 0: ICW1, OCW2, OCW3; offset 1: ICW2 to ICW4 while initialising, else OCW1 (the mask)."""
        if offset == 1:
            self._write_data(value)
        elif value & _ICW1:
            self._initialise(value)
        elif value & _OCW3:
            self._write_ocw3(value)
        else:
            self._write_ocw2(value >> 5, value & 7)
        self.update()

    def _write_data(self, value: int) -> None:
        if self._stage == 0:
            self.imr = value
        elif self._stage == 2:
            self.vector_base = value & 0xF8
            self._stage = self._after_icw3() if self._single else 3
        elif self._stage == 3:
            self._stage = self._after_icw3()
        else:
            self._special_nested = bool(value & 0x10)
            self._auto_eoi = bool(value & 0x02)
            self._stage = 0

    def _after_icw3(self) -> int:
        return 4 if self._needs_icw4 else 0

    def _write_ocw3(self, value: int) -> None:
        if value & 0x04:
            self._poll = True
        elif value & 0x02:
            self._read_isr = bool(value & 0x01)
        if value & 0x40:
            self._special_mask = bool(value & 0x20)

    def _write_ocw2(self, command: int, line: int) -> None:
        """Rotate, specific, EOI: bits 7 to 5 (datasheet, figure 8, "Operation Command Word Format")."""
        if command in (0, 4):
            self._rotate_on_auto_eoi = command == 4
        elif command in (1, 5):
            self._end_highest(rotate=command == 5)
        elif command in (3, 7):
            self.isr &= ~(1 << line)
        if command in (6, 7):
            self.highest = (line + 1) & 7

    def _end_highest(self, rotate: bool) -> None:
        """Non-specific EOI; in special mask mode a masked level is left in service."""
        rank = self._rank(self.isr & ~self.imr if self._special_mask else self.isr)
        if rank == 8:
            return
        line = (rank + self.highest) & 7
        self.isr &= ~(1 << line)
        if rotate:
            self.highest = (line + 1) & 7

    def write_elcr(self, value: int) -> None:
        """Choose level (1) or edge (0) for each input that lets itself be chosen."""
        self.elcr = value & self._elcr_mask
        self.irr |= self.levels & self.elcr
        self.update()


class Elcr:
    """Edge/level control registers, offset 0 for the master's inputs and 1 for the slave's."""

    name = "elcr"

    def __init__(self, pics: tuple[Pic8259, Pic8259]) -> None:
        self._pics = pics

    def reset(self) -> None:
        """The controllers reset their own registers."""

    def port_read(self, offset: int, size: int) -> int:
        return self._pics[offset].elcr

    def port_write(self, offset: int, size: int, value: int) -> None:
        self._pics[offset].write_elcr(value)


class PicPair:
    """Master and slave wired as in a PC/AT: 15 lines, INTR towards the processor."""

    def __init__(self) -> None:
        self.master = Pic8259("pic master", ELCR_MASKS[0], cascade=CASCADE_INPUT)
        self.slave = Pic8259("pic slave", ELCR_MASKS[1])
        self.elcr = Elcr((self.master, self.slave))
        #: the INTR wire: True while an interrupt waits for the processor
        self.pending = False
        #: called when `pending` becomes True
        self.on_change: Callable[[], None] | None = None
        self._lines = {n: self._wire(n) for n in range(16) if n != CASCADE_INPUT}
        self.master.on_output = self._drive_intr
        self.slave.on_output = self._drive_cascade

    def reset(self) -> None:
        """Power-on state of both."""
        self.slave.reset()
        self.master.reset()

    def line(self, number: int) -> IrqLine:
        """The one wire of IRQ 0 to 15; there is none to IRQ 2, where the slave sits."""
        if number not in self._lines:
            raise ValueError(f"IRQ {number} is no line that a device can drive")
        return self._lines[number]

    def _wire(self, number: int) -> IrqLine:
        pic, line = (self.slave, number - 8) if number >= 8 else (self.master, number)
        return IrqLine(lambda level: pic.set_input(line, level))

    @property
    def all_masked(self) -> bool:
        """Whether no line can reach the processor: all inputs are masked, the slave's by either mask."""
        masks = self.master.imr | (1 << CASCADE_INPUT if self.slave.imr == 0xFF else 0)
        return masks == 0xFF

    def acknowledge(self) -> int:
        """INTA cycles: the vector to deliver. A request that is gone gives IRQ 7 or 15, the spurious ones."""
        line = self.master.accept()
        if line is None:
            return self.master.vector_base + _SPURIOUS
        vector = self.master.vector_base + line
        if line == CASCADE_INPUT:
            vector = self._acknowledge_slave()
        self.master.update()
        return vector

    def _acknowledge_slave(self) -> int:
        line = self.slave.accept()
        # INT falls during INTA and rises anew when more is waiting: the master needs the edge.
        self.slave.output = False
        self.master.set_input(CASCADE_INPUT, False)
        self.slave.update()
        return self.slave.vector_base + (_SPURIOUS if line is None else line)

    def _drive_intr(self, level: bool) -> None:
        self.pending = level
        if level and self.on_change is not None:
            self.on_change()

    def _drive_cascade(self, level: bool) -> None:
        self.master.set_input(CASCADE_INPUT, level)
