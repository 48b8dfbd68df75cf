# SPDX-License-Identifier: GPL-2.0-or-later
"""One 8254 counter against a model that is clocked tick by tick, as the datasheet describes it."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from vmm.devices.pit_channel import PitChannel

LOW_BYTE, HIGH_BYTE, BOTH = 1, 2, 3


def control(mode: int, access: int = BOTH, bcd: bool = False) -> int:
    return access << 4 | mode << 1 | bcd


def load(channel: PitChannel, t: int, count: int) -> None:
    channel.write_count(t, count & 0xFF)
    channel.write_count(t, count >> 8)


def started(mode: int, count: int, *, gate: bool = True, bcd: bool = False) -> PitChannel:
    channel = PitChannel(gate)
    channel.write_control(0, control(mode, bcd=bcd))
    load(channel, 0, count)
    return channel


def both_bytes(channel: PitChannel, t: int) -> int:
    return channel.read(t) | channel.read(t) << 8


class ClockedCounter:
    """The model: a counting element that is loaded and decremented one clock pulse at a time."""

    def __init__(self, gate: bool) -> None:
        self.gate = gate
        self.control(3, bcd=False)

    def control(self, mode: int, bcd: bool) -> None:
        self.mode, self.modulus = mode, 10_000 if bcd else 65_536
        self.out = mode != 0
        self.written: int | None = None  # the count register
        self.element: int | None = None
        self.load_due = self.expired = False

    def write(self, count: int) -> None:
        first = self.element is None and not self.load_due
        self.written = count
        if self.mode in (0, 4) or (self.mode in (2, 3) and first):
            self.load_due = True
        if self.mode == 0:
            self.out = False

    def set_gate(self, level: bool) -> None:
        rises = level and not self.gate
        self.gate = level
        if rises and self.mode in (1, 2, 3, 5) and self.written:
            self.load_due = True
        if not level and self.mode in (2, 3):
            self.out = True

    def clock(self) -> None:
        if self.load_due and (self.gate or self.mode not in (2, 3)):
            self._load(self.mode not in (1,))
        elif self.element is not None and (self.gate or self.mode in (1, 5)):
            (
                self._count_down,
                self._count_down,
                self._rate,
                self._square,
                self._count_down,
                self._count_down,
            )[self.mode]()

    def _load(self, out: bool) -> None:
        assert self.written
        self.load_due = self.expired = False
        self.element = self.written & ~1 if self.mode == 3 else self.written
        self.odd = self.written & 1
        self.out = out and self.mode != 0

    def _count_down(self) -> None:
        assert self.element is not None
        if self.mode in (4, 5):
            self.out = True
        self.element = (self.element - 1) % self.modulus
        if self.element == 0 and not self.expired:
            self.expired = True
            self.out = self.mode < 4

    def _rate(self) -> None:
        assert self.element is not None
        self.element -= 1
        self.out = self.element != 1
        if self.element == 0:
            self._load(True)

    def _square(self) -> None:
        assert self.element is not None
        ends = self.element == 0 if self.odd and self.out else self.element == 2
        if ends:
            self._load(not self.out)
        else:
            self.element -= 2

    def reads(self) -> int | None:
        """What a read must give; None when the datasheet does not say."""
        if self.element is None or self.load_due or (self.mode in (2, 3) and not self.gate):
            return None
        value = self.element % self.modulus
        return int(str(value), 16) if self.modulus == 10_000 else value


class PitCounterMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.t = 0
        self.channel, self.model = PitChannel(True), ClockedCounter(True)
        self.bcd = False
        self.write_control(2, False)

    def tick(self, ticks: int = 1) -> None:
        predicted = self.channel.next_rise(self.t)
        for _ in range(ticks):
            before = self.model.out
            self.model.clock()
            self.t += 1
            assert self.channel.output(self.t) == self.model.out
            assert (self.t == predicted) == (self.model.out and not before)
            if self.t == predicted:
                predicted = self.channel.next_rise(self.t)

    @rule(mode=st.integers(0, 5), bcd=st.booleans())
    def write_control(self, mode: int, bcd: bool) -> None:
        self.bcd = bcd
        self.channel.write_control(self.t, control(mode, bcd=bcd))
        self.model.control(mode, bcd)
        assert self.channel.output(self.t) == self.model.out
        self.tick()

    @rule(count=st.one_of(st.integers(2, 12), st.sampled_from([0, 9999])))
    def write_count(self, count: int) -> None:
        raw = int(str(count), 16) if self.bcd else count
        load(self.channel, self.t, raw)
        self.model.write(count or self.model.modulus)
        self.tick()

    @precondition(lambda self: self.model.mode not in (2, 3))
    @rule()
    def write_count_of_one(self) -> None:
        self.write_count(1)

    @rule(level=st.booleans())
    def gate(self, level: bool) -> None:
        self.channel.set_gate(self.t, level)
        self.model.set_gate(level)
        self.tick()

    @rule(ticks=st.integers(1, 40))
    def run(self, ticks: int) -> None:
        self.tick(ticks)

    @rule(ticks=st.integers(1, 20))
    def latch_then_read_later(self, ticks: int) -> None:
        expected = self.model.reads()
        self.channel.latch(self.t)
        self.tick(ticks)
        self.channel.latch(self.t)
        value = both_bytes(self.channel, self.t)
        assert expected is None or value == expected

    @invariant()
    def count_agrees(self) -> None:
        expected = self.model.reads()
        assert expected is None or self.channel.count(self.t) == expected


PitCounterMachine.TestCase.settings = settings(max_examples=120, stateful_step_count=40, deadline=None)
TestCounterAgainstModel = PitCounterMachine.TestCase


# -- by hand -----------------------------------------------------------------------------------------------


def test_terminal_count_rises_after_n_plus_one_clocks() -> None:
    channel = started(0, 5)
    assert [channel.output(t) for t in range(8)] == [False] * 6 + [True] * 2
    assert channel.next_rise(0) == 6


def test_the_first_of_two_bytes_stops_a_terminal_count() -> None:
    channel = started(0, 1000)
    channel.write_count(500, 0x10)
    assert channel.next_rise(500) is None
    assert channel.count(700) == channel.count(500)
    channel.write_count(700, 0x00)
    assert channel.next_rise(700) == 700 + 1 + 16


def test_square_wave_halves_of_an_odd_count() -> None:
    channel = started(3, 5)
    assert [channel.output(t) for t in range(1, 11)] == [True, True, True, False, False] * 2
    assert [channel.count(t) for t in range(1, 7)] == [4, 2, 0, 4, 2, 4]


def test_a_new_rate_waits_for_the_end_of_the_period() -> None:
    channel = started(2, 100)
    load(channel, 50, 10)
    assert channel.count(60) == 100 - 59
    assert channel.next_rise(60) == 101
    assert channel.next_rise(101) == 111


def test_a_count_rewritten_before_it_was_loaded_is_replaced() -> None:
    channel = PitChannel(True)
    channel.write_control(7, control(2))
    load(channel, 7, 1000)
    load(channel, 7, 20)
    assert channel.next_rise(7) == 8 + 20


@pytest.mark.parametrize("mode", [2, 3])
def test_an_illegal_count_of_one_counts_as_two(mode: int) -> None:
    assert started(mode, 1).next_rise(1) == 3


def test_zero_means_the_whole_modulus() -> None:
    assert started(2, 0).next_rise(1) == 1 + 65_536
    assert started(2, 0, bcd=True).next_rise(1) == 1 + 10_000


def test_bcd_counts_in_decimal() -> None:
    channel = started(2, 0x1234, bcd=True)
    assert channel.count(1) == 0x1234
    assert channel.count(36) == 0x1199


def test_modes_6_and_7_are_2_and_3() -> None:
    channel = PitChannel(True)
    for written, meant in ((6, 2), (7, 3)):
        channel.write_control(0, control(written))
        assert channel.mode == meant


def test_single_byte_access_loads_and_reads_that_byte() -> None:
    channel = PitChannel(True)
    channel.write_control(0, control(2, LOW_BYTE))
    channel.write_count(0, 0x80)
    assert (channel.read(1), channel.read(2)) == (0x80, 0x7F)
    channel.write_control(2, control(2, HIGH_BYTE))
    channel.write_count(2, 0x12)
    channel.latch(3)
    assert (channel.read(50), channel.read(4)) == (0x12, 0x11)


def test_two_byte_reads_alternate() -> None:
    channel = started(2, 0x1234)
    assert (channel.read(1), channel.read(1)) == (0x34, 0x12)


def test_status_comes_before_the_latched_count() -> None:
    channel = started(2, 0x1234)
    channel.latch(5)
    channel.latch_status(5)
    assert channel.read(9) == 0x80 | control(2)
    assert both_bytes(channel, 9) == 0x1230


def test_status_says_whether_the_count_was_taken() -> None:
    channel = PitChannel(True)
    channel.write_control(0, control(2))
    channel.latch_status(0)
    assert channel.read(0) & 0x40
    load(channel, 0, 100)
    channel.latch_status(1)
    assert not channel.read(1) & 0x40
    load(channel, 2, 50)
    channel.latch_status(3)
    assert channel.read(3) & 0x40
    channel.latch_status(102)
    assert not channel.read(102) & 0x40


def test_a_closed_gate_holds_a_terminal_count() -> None:
    channel = started(0, 100, gate=False)
    assert channel.next_rise(50) is None
    channel.set_gate(1000, True)
    assert channel.next_rise(1000) == 1100
    channel.set_gate(1040, False)
    channel.set_gate(2000, True)
    assert channel.next_rise(2000) == 2060


def test_reset_puts_the_gate_back() -> None:
    channel = started(0, 100, gate=False)
    channel.set_gate(1, True)
    channel.reset()
    assert not channel.gate
    assert channel.next_rise(5) is None
