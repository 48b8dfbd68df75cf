# SPDX-License-Identifier: GPL-2.0-or-later
"""The clock and its memory: what kernels read at boot, the three interrupts, and holding the registers."""

from hypothesis import given
from hypothesis import strategies as st

from vmm.clock import SECOND, CountedClock, Timers
from vmm.devices.cmos import UPDATE_HOLD, Cmos
from vmm.devices.cmos_memory import firmware_bytes
from vmm.devices.irq import IrqLine

#: 1999-12-31 23:59:58 UTC
EPOCH = 946_684_798
A, B, C, D = 0x0A, 0x0B, 0x0C, 0x0D
MIB = 1 << 20


class Bench:
    def __init__(self, memory: int = 32 * MIB) -> None:
        self.clock = CountedClock()
        self.timers = Timers(self.clock)
        self.edges: list[int] = []
        self.irq = IrqLine(lambda level: self.edges.append(self.clock.now()) if level else None)
        self.cmos = Cmos(self.clock, self.timers, self.irq, EPOCH, firmware_bytes(memory))

    def read(self, index: int) -> int:
        self.cmos.port_write(0, 1, index)
        return self.cmos.port_read(1, 1)

    def write(self, index: int, value: int) -> None:
        self.cmos.port_write(0, 1, index)
        self.cmos.port_write(1, 1, value)

    def time(self) -> str:
        """Century to second, as the BCD registers hold them."""
        return "".join(f"{self.read(index):02x}" for index in (0x32, 9, 8, 7, 4, 2, 0))

    def run(self, ns: int) -> None:
        end = self.clock.now() + ns
        while (deadline := self.timers.next_deadline()) is not None and deadline <= end:
            self.clock.advance(deadline - self.clock.now())
            self.timers.run_due()
        self.clock.advance(end - self.clock.now())


def test_time_goes_with_the_virtual_clock() -> None:
    bench = Bench()
    assert bench.time() == "19991231235958"
    assert bench.read(6) == 6  # Friday
    bench.clock.advance(2 * SECOND)
    assert bench.time() == "20000101000000"
    bench.clock.advance(59 * 86_400 * SECOND)
    assert bench.time() == "20000229000000"


def test_a_kernel_reads_between_updates() -> None:
    """Linux mc146818_get_time(): read while UIP is clear."""
    bench = Bench()
    assert not bench.read(A) & 0x80
    bench.clock.advance(SECOND - UPDATE_HOLD)
    assert bench.read(A) & 0x80
    bench.clock.advance(UPDATE_HOLD)
    assert not bench.read(A) & 0x80
    assert bench.read(0) == 0x59


def test_status_registers() -> None:
    bench = Bench()
    assert (bench.read(A), bench.read(B), bench.read(D)) == (0x26, 0x02, 0x80)
    bench.write(D, 0)
    bench.write(C, 0xFF)
    assert bench.read(D) == 0x80
    assert bench.read(C) == 0x00


def test_the_index_port_masks_nmi_and_cannot_be_read() -> None:
    bench = Bench()
    bench.cmos.port_write(0, 1, 0x80 | D)
    assert bench.cmos.nmi_masked
    assert bench.cmos.port_read(1, 1) == 0x80
    assert bench.cmos.port_read(0, 1) == 0xFF


def test_setting_the_clock_with_the_registers_held() -> None:
    bench = Bench()
    bench.clock.advance(SECOND // 4)
    bench.write(B, 0x82)
    for index, value in ((0x32, 0x20), (9, 0x24), (8, 0x02), (7, 0x29), (4, 0x12), (2, 0x34), (0, 0x56)):
        bench.write(index, value)
    bench.clock.advance(10 * SECOND)
    assert bench.time() == "20240229123456"
    assert not bench.read(A) & 0x80
    bench.write(B, 0x02)
    bench.clock.advance(3 * SECOND // 4 - 1)
    assert bench.time() == "20240229123456"
    bench.clock.advance(1)
    assert bench.time() == "20240229123457"


def test_setting_one_register_while_running() -> None:
    bench = Bench()
    bench.write(4, 0x01)
    assert bench.time() == "19991231015958"
    bench.clock.advance(SECOND)
    assert bench.time() == "19991231015959"


def test_a_stopped_divider_starts_again_with_half_a_second() -> None:
    bench = Bench()
    bench.write(A, 0x76)
    bench.clock.advance(5 * SECOND)
    bench.write(A, 0x26)
    assert bench.time() == "19991231235958"
    bench.clock.advance(SECOND // 2)
    assert bench.time() == "19991231235959"


def test_data_modes_change_how_the_time_reads() -> None:
    bench = Bench()
    bench.write(B, 0x06)
    assert (bench.read(0), bench.read(4), bench.read(9)) == (58, 23, 99)
    bench.write(B, 0x00)
    assert bench.read(4) == 0x91
    bench.write(B, 0x02)
    assert bench.time() == "19991231235958"


def test_the_periodic_interrupt_at_1024_hz() -> None:
    bench = Bench()
    bench.write(B, 0x42)
    bench.run(SECOND)
    assert len(bench.edges) == 1  # the line stays high until register C is read
    count = 0
    start = bench.clock.now()
    while bench.clock.now() < start + SECOND:
        assert bench.read(C) == 0xC0 | (0x10 if count == 0 else bench_update(bench, start))
        assert not bench.irq.level
        count += 1
        bench.run(SECOND // 1024 + 1)
        assert bench.irq.level
    assert count == 1024


def bench_update(bench: Bench, start: int) -> int:
    """UF is among the flags when a second ended since the last read."""
    period = SECOND // 1024 + 1
    now = bench.clock.now()
    return 0x10 if now // SECOND != (now - period) // SECOND else 0


def test_the_update_interrupt_once_a_second() -> None:
    bench = Bench()
    bench.run(SECOND // 3)
    bench.write(B, 0x12)
    for second in (1, 2, 3):
        bench.run(SECOND)
        assert bench.edges[-1] == second * SECOND
        assert bench.read(C) & 0x90 == 0x90
    assert len(bench.edges) == 3


def test_the_alarm_interrupt() -> None:
    bench = Bench()
    for index, value in ((5, 0x00), (3, 0x01), (1, 0xFF)):  # every second of 00:01
        bench.write(index, value)
    bench.write(B, 0x22)
    bench.run(70 * SECOND)
    assert bench.edges == [62 * SECOND]
    assert bench.read(C) & 0xA0 == 0xA0
    bench.run(SECOND)
    assert bench.edges[1:] == [71 * SECOND]


def test_flags_are_set_without_interrupts() -> None:
    bench = Bench()
    bench.clock.advance(SECOND)
    assert bench.read(C) == 0x50
    assert bench.read(C) == 0x00
    assert bench.edges == []
    assert bench.timers.next_deadline() is None


def test_enabling_an_interrupt_whose_flag_is_set_raises_the_line() -> None:
    bench = Bench()
    bench.clock.advance(SECOND)
    bench.write(B, 0x12)
    assert bench.irq.level
    bench.write(B, 0x02)
    assert not bench.irq.level


def test_a_slow_guest_gets_one_interrupt_for_many_periods() -> None:
    bench = Bench()
    bench.write(B, 0x42)
    bench.clock.advance(10 * SECOND)
    bench.timers.run_due()
    assert len(bench.edges) == 1
    assert bench.read(C) & 0x40
    deadline = bench.timers.next_deadline()
    assert deadline is not None
    assert deadline > bench.clock.now()


def test_rate_zero_is_off_and_rates_1_and_2_are_slow() -> None:
    bench = Bench()
    for rate, per_second in ((1, 256), (2, 128), (3, 8192), (15, 2)):
        bench.write(A, 0x20 | rate)
        bench.write(B, 0x42)
        deadline = bench.timers.next_deadline()
        assert deadline is not None
        assert 0 < deadline - bench.clock.now() <= SECOND // per_second + 1
    bench.write(A, 0x20)
    assert bench.timers.next_deadline() is None


def test_reset_clears_enables_and_keeps_time_and_memory() -> None:
    bench = Bench()
    bench.write(B, 0x42)
    bench.write(0x40, 0xAB)
    bench.run(SECOND)
    bench.cmos.reset()
    assert not bench.irq.level
    assert bench.read(B) == 0x02
    assert bench.read(0x40) == 0xAB
    assert bench.time() == "19991231235959"


def test_memory_sizes_of_32_mib() -> None:
    bench = Bench(32 * MIB)
    expected = {0x15: 640, 0x17: 31744, 0x30: 31744, 0x34: 256, 0x5B: 0}
    assert {low: bench.read(low) | bench.read(low + 1) << 8 for low in expected} == expected
    assert bench.read(0x10) == 0  # no floppy
    assert bench.read(0x14) == 0x02  # a coprocessor


def test_memory_sizes_saturate() -> None:
    small, large = firmware_bytes(4 * MIB), firmware_bytes(3 << 30)
    assert (small[0x34], small[0x35]) == (0, 0)
    assert (large[0x30], large[0x31]) == (0xFF, 0xFF)
    assert large[0x34] | large[0x35] << 8 == ((3 << 30) - 16 * MIB) >> 16


def test_the_checksum_is_that_of_a_bios() -> None:
    nvram = firmware_bytes(64 * MIB)
    total = sum(nvram.get(index, 0) for index in range(0x10, 0x2E))
    assert nvram[0x2E] << 8 | nvram[0x2F] == total


@given(st.lists(st.tuples(st.integers(0, 127), st.integers(0, 255), st.integers(0, 2 * SECOND)), max_size=30))
def test_any_writes_leave_a_clock_that_runs(writes: list[tuple[int, int, int]]) -> None:
    bench = Bench()
    for index, value, ns in writes:
        bench.write(index, value)
        bench.run(ns)
        assert 0 <= bench.read(index) <= 0xFF
        deadline = bench.timers.next_deadline()
        assert deadline is None or deadline > bench.clock.now()
