# SPDX-License-Identifier: GPL-2.0-or-later
"""One counter of an 8254, as a function of time counted in its own input clock.

Nothing runs: the counter keeps when its counting element was loaded and with what, and computes count, OUT
pin and next rising edge for any later tick. Intel 82C54 datasheet (231244-006), "Mode Definitions" and
table 1, "Gate Pin Operations". A count of 1 is illegal in modes 2 and 3 and counts as 2 here.
"""

from enum import IntEnum

_LOW, _HIGH, _BOTH = 1, 2, 3


class Mode(IntEnum):
    """What a counter does with its count; 6 and 7 in a control word mean 2 and 3."""

    TERMINAL_COUNT = 0
    ONE_SHOT = 1
    RATE = 2
    SQUARE = 3
    SOFT_STROBE = 4
    HARD_STROBE = 5


_PERIODIC = (Mode.RATE, Mode.SQUARE)
_TRIGGERED = (Mode.ONE_SHOT, Mode.HARD_STROBE)
_STROBES = (Mode.SOFT_STROBE, Mode.HARD_STROBE)


def _from_bcd(value: int) -> int:
    return sum((value >> 4 * i & 15) * 10**i for i in range(4))


def _to_bcd(value: int) -> int:
    return sum(value // 10**i % 10 << 4 * i for i in range(4))


class PitChannel:
    """One counter; `t` is always the present tick of the 1.193182 MHz clock and never goes back."""

    def __init__(self, gate: bool) -> None:
        self.gate = gate
        self._power_on_gate = gate
        self.reset()

    def reset(self) -> None:
        """Power-on: undefined on the chip; here a counter in mode 3 with nothing loaded."""
        self.gate = self._power_on_gate
        self._held = 0  # what a counter without a running count reads as
        self._set_control(Mode.SQUARE, _BOTH, bcd=False)

    def _set_control(self, mode: Mode, access: int, bcd: bool) -> None:
        self.mode, self._access, self._bcd = mode, access, bcd
        self._modulus = 10_000 if bcd else 0x10000
        self._count = 0  # N, what the counting element was loaded with
        self._start: int | None = None  # tick at which it was loaded
        self._low_before = False  # OUT was low when that load was asked for, one tick before
        self._paused: int | None = None  # ticks counted when the gate fell (modes 0 and 4)
        self._switch = 0  # tick at which `_next` is loaded (modes 2 and 3)
        self._next: int | None = None  # N written and not loaded yet
        self._low_byte: int | None = None
        self._read_high = False
        self._latched: list[int] = []
        self._status: int | None = None

    # -- what the processor writes -------------------------------------------------------------------------

    def write_control(self, t: int, value: int) -> None:
        """Control word: access in bits 5-4 (1 to 3; 0 is `latch`), mode in 3-1, BCD in 0."""
        self._held = self.count(t)
        mode = value >> 1 & 7
        self._set_control(Mode(mode & 3 if mode > 5 else mode), value >> 4 & 3, bool(value & 1))

    def write_count(self, t: int, value: int) -> None:
        """One byte of a new count; with two-byte access the second one completes it."""
        if self._access == _LOW:
            self._load(t, value)
        elif self._access == _HIGH:
            self._load(t, value << 8)
        elif self._low_byte is None:
            self._low_byte = value
            if self.mode is Mode.TERMINAL_COUNT:
                self._held, self._start = self.count(t), None
        else:
            low, self._low_byte = self._low_byte, None
            self._load(t, value << 8 | low)

    def _load(self, t: int, raw: int) -> None:
        count = (_from_bcd(raw) if self._bcd else raw) % self._modulus or self._modulus
        if self.mode in _PERIODIC:
            count = max(count, 2)
        self.settle(t)
        if self.mode in _TRIGGERED or (self.mode in _PERIODIC and not self.gate):
            self._next = count
        elif self.mode in _PERIODIC and self._start is not None and t >= self._start:
            self._next, self._switch = count, self._boundary(t)
        else:
            self._begin(t + 1, count)

    def _begin(self, start: int, count: int) -> None:
        self._low_before = not self.output(start - 1)
        self._start, self._count, self._next = start, count, None
        self._paused = None if self.gate or self.mode in _TRIGGERED else 0

    def set_gate(self, t: int, level: bool) -> None:
        """Drive the GATE pin."""
        if level == self.gate:
            return
        self.settle(t)
        self.gate = level
        if level:
            self._gate_rises(t)
        elif self.mode not in _TRIGGERED and self._start is not None:
            self._paused = max(t - self._start, 0)

    def _gate_rises(self, t: int) -> None:
        if self.mode in _TRIGGERED or self.mode in _PERIODIC:
            count = self._count if self._next is None else self._next
            if count:
                self._begin(t + 1, count)
        elif self._start is not None and self._paused is not None:
            self._start, self._paused = max(t - self._paused, self._start), None

    # -- what it shows at tick t ---------------------------------------------------------------------------

    def _elapsed(self, t: int) -> int:
        """Ticks since the load, -1 before it; only with a start."""
        start = self._start or 0
        if t < start:
            return -1
        return t - start if self._paused is None else self._paused

    def _high_part(self, count: int) -> int:
        return (count + 1) // 2

    def _boundary(self, t: int) -> int:
        """The tick at which modes 2 and 3 take up a new count: end of the period, or half-period."""
        start = self._start or 0
        elapsed = max(self._elapsed(t), 0)
        period_start = start + elapsed - elapsed % self._count
        if self.mode is Mode.SQUARE and elapsed % self._count < self._high_part(self._count):
            return period_start + self._high_part(self._count)
        return period_start + self._count

    def settle(self, t: int) -> None:
        """Take up a new count whose time has come (modes 2 and 3)."""
        if self._next is None or self._start is None or self.mode not in _PERIODIC:
            return
        if not self.gate or t < self._switch:
            return
        starts_low = self.mode is Mode.SQUARE and (self._switch - self._start) % self._count != 0
        self._start = self._switch - (self._high_part(self._next) if starts_low else 0)
        self._count, self._next = self._next, None

    def count(self, t: int) -> int:
        """The counting element as it reads, BCD when so chosen."""
        self.settle(t)
        if self._start is None:
            return self._held
        elapsed = max(self._elapsed(t), 0)
        if self.mode is Mode.RATE:
            value = self._count - elapsed % self._count
        elif self.mode is Mode.SQUARE:
            value = self._square_count(elapsed % self._count)
        else:
            value = self._count - elapsed
        value %= self._modulus
        return _to_bcd(value) if self._bcd else value

    def _square_count(self, phase: int) -> int:
        """Mode 3 goes down by two, through each half; an odd count starts each half at N - 1."""
        high = self._high_part(self._count)
        into_half = phase if phase < high else phase - high
        return (self._count & ~1) - 2 * into_half

    def output(self, t: int) -> bool:
        """The OUT pin."""
        self.settle(t)
        if self._start is None:
            return self.mode is not Mode.TERMINAL_COUNT
        elapsed = self._elapsed(t)
        if self.mode in _PERIODIC:
            if not self.gate or elapsed < 0:
                return True
            phase = elapsed % self._count
            return phase < (self._count - 1 if self.mode is Mode.RATE else self._high_part(self._count))
        if self.mode is Mode.TERMINAL_COUNT:
            return elapsed >= self._count
        if elapsed < 0:
            return not self._low_before
        return elapsed >= self._count if self.mode is Mode.ONE_SHOT else elapsed != self._count

    def next_rise(self, t: int) -> int | None:
        """The first tick after `t` at which OUT goes from low to high if nothing is written, or None."""
        self.settle(t)
        if self._start is None:
            return None
        if self.mode in _STROBES and t < self._start and self._low_before:
            return self._start
        if self._paused is not None:
            return None
        if self.mode in _PERIODIC:
            return self._next_period(t)
        rise = self._start + self._count + (self.mode in _STROBES)
        return rise if rise > t else None

    def _next_period(self, t: int) -> int:
        start = self._start or 0
        if self._next is not None and (self._switch - start) % self._count:
            return self._switch + self._next // 2
        return start + (max(t - start, 0) // self._count + 1) * self._count

    # -- what the processor reads --------------------------------------------------------------------------

    def latch(self, t: int) -> None:
        """Counter latch command: hold the count until it was read; a second one is ignored."""
        if not self._latched:
            count = self.count(t)
            self._latched = {_LOW: [count & 0xFF], _HIGH: [count >> 8]}.get(
                self._access, [count & 0xFF, count >> 8]
            )

    def latch_status(self, t: int) -> None:
        """Read-back of status: OUT, null count, access, mode, BCD (datasheet, figure 11)."""
        if self._status is None:
            self._status = (
                self.output(t) << 7 | self._is_null(t) << 6 | self._access << 4 | self.mode << 1 | self._bcd
            )

    def _is_null(self, t: int) -> bool:
        """Whether the last count written is not in the counting element yet."""
        return self._next is not None or self._start is None or t < self._start

    def read(self, t: int) -> int:
        """One byte: latched status, then latched count, else the count as it is."""
        if self._status is not None:
            status, self._status = self._status, None
            return status
        if self._latched:
            return self._latched.pop(0)
        count = self.count(t)
        if self._access == _BOTH:
            self._read_high = not self._read_high
            return count & 0xFF if self._read_high else count >> 8
        return count >> 8 if self._access == _HIGH else count & 0xFF
