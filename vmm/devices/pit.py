# SPDX-License-Identifier: GPL-2.0-or-later
"""The 8254 interval timer of a PC: three counters, the first one on IRQ 0, the third one for the speaker.

Every count is computed from the virtual clock when it is read. One timer stands at the next rising edge of
OUT 0; ticks that passed while nobody ran are one edge, never a backlog. Intel 82C54 datasheet (231244-006).
"""

from vmm.clock import SECOND, Clock, Timer, Timers
from vmm.devices.irq import IrqLine
from vmm.devices.pit_channel import Mode, PitChannel

#: Hz, a third of the NTSC colour carrier that the PC's 14.31818 MHz crystal is made for.
FREQUENCY = 1_193_182
CONTROL = 3
_READ_BACK = 3
#: ns; edges closer together come this far apart, so that no guest can occupy the host with them.
SHORTEST_PERIOD = 20_000


def ticks_at(ns: int) -> int:
    """Whole input clocks that passed by virtual time `ns`."""
    return ns * FREQUENCY // SECOND


def ns_of(tick: int) -> int:
    """The first nanosecond at which `ticks_at` says `tick`."""
    return -(-tick * SECOND // FREQUENCY)


class Pit8254:
    """Offsets 0 to 2 are the counters, 3 the control word."""

    name = "pit"

    def __init__(self, clock: Clock, timers: Timers, irq: IrqLine) -> None:
        self._clock = clock
        self._timers = timers
        self._irq = irq
        self._timer: Timer | None = None
        self._last_edge = -SHORTEST_PERIOD
        self.channels = (PitChannel(gate=True), PitChannel(gate=True), PitChannel(gate=False))

    def reset(self) -> None:
        """Power-on: nothing counts."""
        for channel in self.channels:
            channel.reset()
        self._drive_irq(self.ticks())

    def ticks(self) -> int:
        """Present time in input clocks."""
        return ticks_at(self._clock.now())

    def output(self, channel: int) -> bool:
        """The OUT pin of a counter."""
        return self.channels[channel].output(self.ticks())

    def set_gate(self, channel: int, level: bool) -> None:
        """The GATE pin of a counter; only that of counter 2 is wired to anything, port 61."""
        self.channels[channel].set_gate(self.ticks(), level)

    def port_read(self, offset: int, size: int) -> int:
        """A counter; the control word cannot be read (all ones)."""
        if offset == CONTROL:
            return 0xFF
        return self.channels[offset].read(self.ticks())

    def port_write(self, offset: int, size: int, value: int) -> None:
        """A byte of a count, or a control word."""
        t = self.ticks()
        if offset == CONTROL:
            self._write_control(t, value)
            return
        self.channels[offset].write_count(t, value)
        if offset == 0:
            self._drive_irq(t)

    def _write_control(self, t: int, value: int) -> None:
        which = value >> 6
        if which == _READ_BACK:
            self._read_back(t, value)
        elif value & 0x30 == 0:
            self.channels[which].latch(t)
        else:
            self.channels[which].write_control(t, value)
            if which == 0:
                self._drive_irq(t)

    def _read_back(self, t: int, value: int) -> None:
        """Latch count (bit 5 clear) and status (bit 4 clear) of the counters in bits 1 to 3."""
        for i, channel in enumerate(self.channels):
            if value & 2 << i:
                if not value & 0x20:
                    channel.latch(t)
                if not value & 0x10:
                    channel.latch_status(t)

    def _drive_irq(self, t: int) -> None:
        self._irq.set(self.channels[0].output(t))
        self._arm(t)

    def _arm(self, t: int) -> None:
        """Stand at the next edge, wherever the last one stood."""
        self._timers.cancel(self._timer)
        self._timer = None
        rise = self.channels[0].next_rise(t)
        if rise is not None:
            at = max(ns_of(rise), self._last_edge + SHORTEST_PERIOD)
            self._timer = self._timers.schedule(at, self._edge)

    def _edge(self) -> None:
        self._last_edge = self._clock.now()
        self._irq.edge()
        self._arm(self.ticks())

    def program(self, channel: int, mode: Mode, count: int) -> None:
        """What firmware does: mode and a two-byte count, 0 for 65,536."""
        self.port_write(CONTROL, 1, channel << 6 | 0x30 | mode << 1)
        self.port_write(channel, 1, count & 0xFF)
        self.port_write(channel, 1, count >> 8)
