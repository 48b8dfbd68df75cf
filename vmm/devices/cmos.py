# SPDX-License-Identifier: GPL-2.0-or-later
"""The MC146818 real-time clock with its CMOS memory, as firmware leaves it in a PC.

Motorola MC146818A datasheet. Time is a given epoch plus the virtual clock, so counted runs read the same
time again. Flags are worked out when register C is read; a timer stands only while an enabled interrupt is
to come.
"""

from vmm.clock import SECOND, Clock, Timer, Timers
from vmm.devices import rtc_time
from vmm.devices.irq import IrqLine

A, B, C, D = 0x0A, 0x0B, 0x0C, 0x0D
UIP = 0x80
SET, PERIODIC, ALARM, UPDATE = 0x80, 0x40, 0x20, 0x10
IRQF = 0x80
_ENABLES = PERIODIC | ALARM | UPDATE
VALID = 0x80
_CRYSTAL = 32_768
_DIVIDER_RUNS = 0x20  # register A bits 6-4: a 32.768 kHz crystal
#: ns before an update during which UIP says so (datasheet, table 4: t_BUC)
UPDATE_HOLD = 244_141
_HALF = SECOND // 2


class Cmos:
    """Offset 0 chooses a byte (bit 7 is the NMI mask), offset 1 is the byte. `nvram`: what firmware wrote."""

    name = "cmos"

    def __init__(
        self, clock: Clock, timers: Timers, irq: IrqLine, epoch: int, nvram: dict[int, int] | None = None
    ) -> None:
        self._clock = clock
        self._timers = timers
        self._irq = irq
        self._nvram = nvram or {}
        self._timer: Timer | None = None
        self.bytes = bytearray(128)
        self._index = 0
        self._offset = epoch * SECOND - clock.now()  # calendar time is the virtual clock plus this
        self._power_on()

    def _power_on(self) -> None:
        for index, value in self._nvram.items():
            self.bytes[index] = value
        self.bytes[A], self.bytes[B], self.bytes[D] = 0x26, rtc_time.HOURS_24, VALID
        self._running = True  # whether the calendar goes on
        self._held_subsecond = 0  # ns into the second at which it was stopped
        self._flags = 0
        self._seen = self._clock.now()  # virtual time up to which flags were worked out
        self._fill_time()

    def reset(self) -> None:
        """RESET pin: enables and flags are cleared; time and memory are kept by the battery."""
        self._collect()
        self.bytes[B] &= ~(_ENABLES | 0x08)
        self._flags = 0
        self._index = 0
        self._drive()

    @property
    def nmi_masked(self) -> bool:
        """Bit 7 of the index port."""
        return bool(self._index & 0x80)

    # -- time ----------------------------------------------------------------------------------------------

    def _calendar_ns(self) -> int:
        return self._clock.now() + self._offset

    def _fill_time(self) -> None:
        """Put the present time into the time registers, unless the guest holds them."""
        if self._running:
            seconds = self._calendar_ns() // SECOND
            for index, value in rtc_time.to_registers(seconds, self.bytes[B]).items():
                self.bytes[index] = value

    def _take_time(self, subsecond: int) -> None:
        """Let the clock run on from what the time registers hold."""
        seconds = rtc_time.from_registers(self.bytes, self.bytes[B])
        self._offset = seconds * SECOND + subsecond - self._clock.now()

    def _set_running(self) -> None:
        """Hold or release the registers after A or B changed."""
        divided = self.bytes[A] & 0x70 == _DIVIDER_RUNS
        running = divided and not self.bytes[B] & SET
        if self._running and not running:
            self._held_subsecond = self._calendar_ns() % SECOND
        elif running and not self._running:
            self._take_time(self._held_subsecond)
        if not divided:
            self._held_subsecond = _HALF  # the first update comes half a second after the divider starts
        self._running = running

    # -- ports ---------------------------------------------------------------------------------------------

    def port_read(self, offset: int, size: int) -> int:
        if offset == 0:
            return 0xFF
        index = self._index & 0x7F
        if index in rtc_time.TIME_REGISTERS:
            self._fill_time()
        elif index == A:
            return self.bytes[A] | self._update_in_progress()
        elif index == C:
            return self._read_c()
        return self.bytes[index]

    def port_write(self, offset: int, size: int, value: int) -> None:
        if offset == 0:
            self._index = value
            return
        index = self._index & 0x7F
        if index in (C, D):
            return
        self._collect()
        if index in (A, B):
            self._write_control(index, value)
        elif index in rtc_time.TIME_REGISTERS:
            self._write_time(index, value)
        else:
            self.bytes[index] = value
        self._drive()

    def _write_time(self, index: int, value: int) -> None:
        self._fill_time()
        self.bytes[index] = value
        if index == rtc_time.CENTURY_PS2:
            self.bytes[rtc_time.CENTURY] = value
        if self._running:
            self._take_time(self._calendar_ns() % SECOND)

    def _write_control(self, index: int, value: int) -> None:
        """Registers A and B. A new data mode changes how time reads, not what time it is."""
        self._fill_time()
        if index == A:
            self.bytes[A] = value & ~UIP
        else:
            self.bytes[B] = value & ~UPDATE if value & SET else value
        self._set_running()
        self._fill_time()

    def _update_in_progress(self) -> int:
        if not self._running:
            return 0
        return UIP if self._calendar_ns() % SECOND >= SECOND - UPDATE_HOLD else 0

    # -- interrupts ----------------------------------------------------------------------------------------

    def _period(self) -> int:
        """Crystal cycles between periodic interrupts, 0 for none (datasheet, table 5)."""
        rate = self.bytes[A] & 0x0F
        if rate == 0:
            return 0
        return 1 << (rate + 6 if rate <= 2 else rate - 1)

    def _alarm_after(self, virtual_ns: int) -> int | None:
        """Virtual time of the first alarm later than `virtual_ns`."""
        after = (virtual_ns + self._offset) // SECOND
        match = rtc_time.next_alarm(self.bytes, self.bytes[B], after)
        return None if match is None else match * SECOND - self._offset

    def _update_after(self, virtual_ns: int) -> int:
        return ((virtual_ns + self._offset) // SECOND + 1) * SECOND - self._offset

    def _periodic_after(self, virtual_ns: int) -> int | None:
        period = self._period()
        if not period or self.bytes[A] & 0x70 != _DIVIDER_RUNS:
            return None
        cycles = virtual_ns * _CRYSTAL // SECOND // period * period + period
        return -(-cycles * SECOND // _CRYSTAL)

    def _next(self, flag: int) -> int | None:
        """Virtual time at which `flag` will next be set after `_seen`."""
        if flag == PERIODIC:
            return self._periodic_after(self._seen)
        if not self._running:
            return None
        return self._alarm_after(self._seen) if flag == ALARM else self._update_after(self._seen)

    def _collect(self) -> None:
        """Set the flags of everything that happened since the last look."""
        now = self._clock.now()
        for flag in (PERIODIC, ALARM, UPDATE):
            if not self._flags & flag:
                at = self._next(flag)
                if at is not None and at <= now:
                    self._flags |= flag
        self._seen = now

    def _read_c(self) -> int:
        """Flags since the last read, which it clears; so do the interrupt and the wait for the next one."""
        self._collect()
        flags, self._flags = self._flags, 0
        irqf = IRQF if flags & self.bytes[B] & _ENABLES else 0
        self._drive()
        return flags | irqf

    def _drive(self) -> None:
        """Drive IRQ 8, or stand where an enabled interrupt comes next; a wire that is high waits for C."""
        self._timers.cancel(self._timer)
        self._timer = None
        enabled = self.bytes[B] & _ENABLES
        active = bool(self._flags & enabled)
        self._irq.set(active)
        if active:
            return
        coming = [at for flag in (PERIODIC, ALARM, UPDATE) if enabled & flag and (at := self._next(flag))]
        if coming:
            self._timer = self._timers.schedule(min(coming), self._due)

    def _due(self) -> None:
        self._timer = None
        self._collect()
        self._drive()
