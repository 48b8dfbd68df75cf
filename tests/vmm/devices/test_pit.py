# SPDX-License-Identifier: GPL-2.0-or-later
"""The timer as a device: IRQ 0 without drift or backlog, and port 61 as kernels calibrate with it."""

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from vmm.clock import SECOND, CountedClock, Timers
from vmm.devices.irq import IrqLine
from vmm.devices.pit import FREQUENCY, SHORTEST_PERIOD, Pit8254, ns_of, ticks_at
from vmm.devices.pit_channel import Mode
from vmm.devices.port61 import Port61


class Bench:
    """A timer on a counted clock; `edges` are the virtual times of IRQ 0's rising edges."""

    def __init__(self) -> None:
        self.clock = CountedClock()
        self.timers = Timers(self.clock)
        self.edges: list[int] = []
        self.irq = IrqLine(lambda level: self.edges.append(self.clock.now()) if level else None)
        self.pit = Pit8254(self.clock, self.timers, self.irq)
        pit = self.pit
        self.port61 = Port61(lambda level: pit.set_gate(2, level), lambda: pit.output(2), pit.ticks)
        self.pit.reset()
        self.edges.clear()

    def run(self, ns: int) -> None:
        """Let time pass and make each call when it is due."""
        end = self.clock.now() + ns
        while (deadline := self.timers.next_deadline()) is not None and deadline <= end:
            self.clock.advance(max(deadline - self.clock.now(), 0))
            self.timers.run_due()
        self.clock.advance(end - self.clock.now())

    def wait_for(self, condition: Callable[[], bool], step_ns: int = 1_000) -> int:
        """How long a guest polls until `condition`, in ns; time passes by `step_ns` a look."""
        start = self.clock.now()
        while not condition():
            self.clock.advance(step_ns)
            assert self.clock.now() - start < SECOND
        return self.clock.now() - start


@given(st.integers(0, 10**12))
def test_a_tick_begins_at_its_first_nanosecond(tick: int) -> None:
    assert ticks_at(ns_of(tick)) == tick
    assert ticks_at(ns_of(tick) - 1) == tick - 1


def test_a_rate_generator_interrupts_once_a_period_and_does_not_drift() -> None:
    bench = Bench()
    bench.pit.program(0, Mode.RATE, 11932)  # 100 Hz as kernels ask for it
    bench.run(10 * SECOND)
    assert bench.edges == [ns_of(1 + 11932 * k) for k in range(1, len(bench.edges) + 1)]
    assert len(bench.edges) == (10 * FREQUENCY - 1) // 11932


def test_missed_periods_are_one_edge() -> None:
    bench = Bench()
    bench.pit.program(0, Mode.RATE, 1193)
    bench.clock.advance(SECOND)
    bench.timers.run_due()
    assert len(bench.edges) == 1
    deadline = bench.timers.next_deadline()
    assert deadline is not None
    assert bench.clock.now() < deadline <= bench.clock.now() + ns_of(1194)


def test_edges_cannot_occupy_the_host() -> None:
    bench = Bench()
    bench.pit.program(0, Mode.SQUARE, 2)
    bench.run(SECOND // 100)
    assert len(bench.edges) <= SECOND // 100 // SHORTEST_PERIOD + 1


def test_one_shots_fire_once_each() -> None:
    bench = Bench()
    bench.pit.program(0, Mode.SOFT_STROBE, 1000)  # Linux's one-shot mode
    bench.run(SECOND)
    assert bench.edges == [ns_of(1 + 1000 + 1)]
    start = bench.pit.ticks()
    bench.pit.port_write(0, 1, 200)
    bench.pit.port_write(0, 1, 0)
    bench.run(SECOND)
    assert bench.edges[1:] == [ns_of(start + 1 + 200 + 1)]


def test_a_terminal_count_raises_the_line_and_a_new_control_word_lowers_it() -> None:
    bench = Bench()
    bench.pit.program(0, Mode.TERMINAL_COUNT, 100)
    assert not bench.irq.level
    bench.run(SECOND)
    assert bench.irq.level
    assert bench.edges == [ns_of(101)]
    bench.pit.program(0, Mode.TERMINAL_COUNT, 100)
    assert not bench.irq.level


def test_other_counters_do_not_interrupt() -> None:
    bench = Bench()
    bench.pit.program(1, Mode.RATE, 18)
    bench.pit.program(2, Mode.SQUARE, 100)
    bench.run(SECOND)
    assert bench.edges == []


def test_read_back_latches_several_counters() -> None:
    bench = Bench()
    bench.pit.program(0, Mode.RATE, 0x4321)
    bench.pit.program(1, Mode.RATE, 0x1000)
    bench.clock.advance(ns_of(1 + 0x21))
    bench.pit.port_write(3, 1, 0xC0 | 0x02 | 0x04)
    bench.clock.advance(SECOND)
    assert [bench.pit.port_read(0, 1) for _ in range(3)] == [0xB4, 0x00, 0x43]
    assert [bench.pit.port_read(1, 1) for _ in range(3)] == [0xB4, 0xDF, 0x0F]


def test_the_control_word_cannot_be_read() -> None:
    assert Bench().pit.port_read(3, 1) == 0xFF


def test_a_kernel_calibrates_by_counter_2() -> None:
    """Linux pit_calibrate_tsc and memtest86+: gate off and on, mode 0, poll bit 5 of port 61."""
    bench = Bench()
    bench.port61.port_write(0, 1, bench.port61.port_read(0, 1) & ~0x02 | 0x01)
    latch = FREQUENCY // 20  # 50 ms
    bench.pit.port_write(3, 1, 0xB0)
    bench.pit.port_write(2, 1, latch & 0xFF)
    bench.pit.port_write(2, 1, latch >> 8)
    waited = bench.wait_for(lambda: bool(bench.port61.port_read(0, 1) & 0x20))
    assert abs(waited - SECOND // 20) < 3_000


def test_a_kernel_calibrates_by_the_high_byte_of_counter_2() -> None:
    """Linux quick_pit_calibrate: mode 0 from FFFF, the high byte must go down by one every 256 ticks."""
    bench = Bench()
    bench.port61.port_write(0, 1, 0x01)
    bench.pit.port_write(3, 1, 0xB0)
    bench.pit.port_write(2, 1, 0xFF)
    bench.pit.port_write(2, 1, 0xFF)

    def high() -> int:
        bench.pit.port_read(2, 1)
        return bench.pit.port_read(2, 1)

    bench.wait_for(lambda: high() == 0xFF)
    for expected in range(0xFE, 0xE0, -1):
        waited = bench.wait_for(lambda expected=expected: high() == expected)
        assert abs(waited - 256 * SECOND // FREQUENCY) <= 2_000


def test_a_closed_gate_stops_counter_2() -> None:
    bench = Bench()
    bench.port61.port_write(0, 1, 0x01)
    bench.pit.program(2, Mode.TERMINAL_COUNT, 1000)
    bench.run(ns_of(500))
    bench.port61.port_write(0, 1, 0x00)
    bench.run(SECOND)
    assert not bench.port61.port_read(0, 1) & 0x20
    bench.port61.port_write(0, 1, 0x01)
    bench.run(ns_of(502))
    assert bench.port61.port_read(0, 1) & 0x20


def test_port_61_stores_speaker_and_gate() -> None:
    bench = Bench()
    bench.port61.port_write(0, 1, 0xFF)
    assert bench.port61.port_read(0, 1) & 0xCF == 0x0F
    assert bench.port61.speaker
    bench.port61.reset()
    assert bench.port61.port_read(0, 1) & 0x0F == 0
    assert not bench.port61.speaker


def test_the_refresh_bit_toggles_every_15_microseconds() -> None:
    bench = Bench()
    toggles, last = 0, bench.port61.port_read(0, 1) & 0x10
    for _ in range(1_000):
        bench.clock.advance(1_000)
        now = bench.port61.port_read(0, 1) & 0x10
        toggles, last = toggles + (now != last), now
    assert toggles == 66  # 1 ms / 15.085 us


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 255), st.integers(0, 10**7)), max_size=40))
def test_any_port_writes_leave_a_timer_that_runs(writes: list[tuple[int, int, int]]) -> None:
    bench = Bench()
    for offset, value, ns in writes:
        bench.pit.port_write(offset, 1, value)
        bench.run(ns)
        assert 0 <= bench.pit.port_read(offset, 1) <= 0xFF
    assert len(bench.timers._heap) < 100
