# SPDX-License-Identifier: GPL-2.0-or-later
"""The serial port as Linux's 8250 driver probes and uses it, and its registers one by one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmm.chardev.buffer import BufferBackend
from vmm.devices.irq import IrqLine
from vmm.devices.uart16550 import Uart16550

DATA, IER, IIR, LCR, MCR, LSR, MSR, SCR = range(8)
FCR = IIR


class Bench:
    def __init__(self) -> None:
        self.edges = 0
        self.irq = IrqLine(self._count)
        self.backend = BufferBackend()
        self.uart = Uart16550(self.irq, self.backend)

    def _count(self, level: bool) -> None:
        self.edges += level

    def read(self, offset: int) -> int:
        return self.uart.port_read(offset, 1)

    def write(self, offset: int, value: int) -> None:
        self.uart.port_write(offset, 1, value)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_linux_autoconfig_finds_a_16550a(bench: Bench) -> None:
    """drivers/tty/serial/8250/8250_port.c, autoconfig() and autoconfig_16550a()."""
    bench.write(IER, 0)
    assert bench.read(IER) & 0x0F == 0
    bench.write(IER, 0x0F)
    assert bench.read(IER) == 0x0F
    bench.write(IER, 0)
    bench.write(MCR, 0x10 | 0x08 | 0x02)  # loopback, OUT2, RTS
    assert bench.read(MSR) & 0xF0 == 0x90  # DCD and CTS
    bench.write(MCR, 0)
    bench.write(LCR, 0xBF)
    assert bench.read(IIR) != 0  # no enhanced feature register
    bench.write(LCR, 0)
    bench.write(FCR, 0x01)
    assert bench.read(IIR) >> 6 == 3  # 16550A
    bench.write(LCR, 0x80)
    bench.write(FCR, 0x21)
    assert not bench.read(IIR) & 0x20  # no 64-byte FIFO
    bench.write(LCR, 0)
    bench.write(IER, 0x40)
    assert not bench.read(IER) & 0x40  # no XScale


def test_linux_startup_finds_no_transmitter_bug(bench: Bench) -> None:
    """serial8250_do_startup(): the empty interrupt must come again when it is enabled again."""
    for _ in range(2):
        bench.write(IER, 0x02)
        assert bench.read(IIR) == 0x02
        bench.write(IER, 0x00)
    assert bench.read(LSR) & 0x60 == 0x60


def test_early_printk_polls_and_writes(bench: Bench) -> None:
    for character in b"Linux version 6.1\r\n":
        assert bench.read(LSR) & 0x20
        bench.write(DATA, character)
    assert bench.backend.data == b"Linux version 6.1\r\n"


def test_every_byte_sent_makes_an_edge_for_the_driver(bench: Bench) -> None:
    bench.write(IER, 0x02)
    assert bench.irq.level
    assert bench.read(IIR) == 0x02
    assert not bench.irq.level
    assert bench.read(IIR) == 0x01
    bench.write(DATA, 0x41)
    bench.write(DATA, 0x42)  # without asking in between
    assert bench.edges == 3
    assert bench.backend.data == b"AB"


def test_bytes_come_one_by_one_without_fifo(bench: Bench) -> None:
    bench.write(IER, 0x01)
    bench.backend.send(b"xyz")
    received = []
    for _ in range(3):
        assert bench.irq.level
        assert bench.read(IIR) == 0x04
        assert bench.read(LSR) & 0x01
        received.append(bench.read(DATA))
    assert bytes(received) == b"xyz"
    assert bench.edges == 3
    assert not bench.irq.level
    assert not bench.read(LSR) & 0x01


@given(st.binary(max_size=100), st.sampled_from([0x00, 0x01, 0x41, 0xC1]))
def test_no_input_is_lost(data: bytes, fcr: int) -> None:
    bench = Bench()
    bench.write(FCR, fcr)
    bench.write(IER, 0x01)
    bench.backend.send(data)
    received = bytearray()
    while bench.irq.level:
        assert len(bench.uart._received) <= 16
        while bench.read(LSR) & 0x01:
            received.append(bench.read(DATA))
    assert received == data
    assert not bench.read(LSR) & 0x02


def test_the_trigger_level_tells_data_from_time_out(bench: Bench) -> None:
    bench.write(FCR, 0x81)  # 8 bytes
    bench.write(IER, 0x01)
    bench.backend.send(b"12345678")
    assert bench.read(IIR) == 0xC4
    bench.read(DATA)
    assert bench.read(IIR) == 0xCC


def test_clearing_the_receiver_drops_what_is_in_the_fifo_only(bench: Bench) -> None:
    bench.write(FCR, 0x01)
    bench.backend.send(b"a" * 16 + b"bc")
    bench.write(FCR, 0x03)
    assert [bench.read(DATA) for _ in range(3)] == [ord("b"), ord("c"), 0]


def test_an_empty_receiver_reads_zero(bench: Bench) -> None:
    assert bench.read(DATA) == 0


def test_the_divisor_latch(bench: Bench) -> None:
    bench.write(LCR, 0x83)
    bench.write(DATA, 0x01)
    bench.write(IER, 0x02)
    assert (bench.read(DATA), bench.read(IER), bench.uart.divisor) == (0x01, 0x02, 0x0201)
    bench.write(LCR, 0x03)
    assert (bench.read(IER), bench.read(LCR)) == (0, 0x03)
    assert bench.backend.data == b""


def test_scratch_and_read_only_registers(bench: Bench) -> None:
    bench.write(SCR, 0x5A)
    bench.write(LSR, 0xFF)
    bench.write(MSR, 0xFF)
    assert (bench.read(SCR), bench.read(LSR), bench.read(MSR)) == (0x5A, 0x60, 0xB0)


def test_loopback_receives_what_it_sends(bench: Bench) -> None:
    bench.write(FCR, 0x01)
    bench.write(MCR, 0x1E)
    bench.backend.send(b"later")
    bench.write(DATA, 0x55)
    assert bench.read(DATA) == 0x55
    assert bench.backend.data == b""
    bench.write(MCR, 0x0B)
    assert bench.read(DATA) == ord("l")


def test_a_full_loopback_overruns(bench: Bench) -> None:
    bench.write(MCR, 0x10)
    bench.write(IER, 0x04)
    bench.write(DATA, 1)
    bench.write(DATA, 2)
    assert bench.irq.level
    assert bench.read(IIR) == 0x06
    assert bench.read(LSR) == 0x63
    assert bench.read(LSR) == 0x61
    assert bench.read(DATA) == 2  # without FIFO the old byte is overwritten


def test_modem_lines_follow_the_outputs_in_loopback(bench: Bench) -> None:
    bench.write(IER, 0x08)
    bench.write(MCR, 0x10)
    assert bench.read(IIR) == 0x00
    assert bench.read(MSR) == 0x0B  # CTS, DSR and DCD fell
    assert not bench.irq.level
    for output, line in ((0x01, 0x20), (0x02, 0x10), (0x04, 0x40), (0x08, 0x80)):
        bench.write(MCR, 0x10 | output)
        assert bench.read(MSR) & 0xF0 == line
    bench.write(MCR, 0x10)
    bench.write(MCR, 0x14)
    bench.read(MSR)
    bench.write(MCR, 0x10)
    assert bench.read(MSR) == 0x04  # the ring ended


def test_causes_come_by_urgency(bench: Bench) -> None:
    bench.write(IER, 0x0F)
    bench.write(MCR, 0x10)
    bench.write(DATA, 1)
    bench.write(DATA, 2)
    causes = []
    for clear in (LSR, DATA, IIR, MSR):
        causes.append(bench.read(IIR))
        bench.read(clear)
    assert causes == [0x06, 0x04, 0x02, 0x00]
    assert bench.read(IIR) == 0x01
    assert not bench.irq.level


def test_reset_puts_the_line_low_and_keeps_waiting_input(bench: Bench) -> None:
    bench.write(IER, 0x0F)
    bench.write(SCR, 9)
    bench.backend.send(b"ab")
    bench.uart.reset()
    assert not bench.irq.level
    assert [bench.read(offset) for offset in (IER, LCR, MCR, SCR)] == [0, 0, 0, 0]
    assert bench.uart.divisor == 12


@given(st.lists(st.tuples(st.integers(0, 7), st.one_of(st.none(), st.integers(0, 255))), max_size=60))
def test_any_accesses_keep_the_line_true_to_the_identification(
    accesses: list[tuple[int, int | None]],
) -> None:
    bench = Bench()
    bench.backend.send(bytes(40))
    for offset, value in accesses:
        if value is None:
            assert 0 <= bench.read(offset) <= 0xFF
        else:
            bench.write(offset, value)
        assert bench.irq.level == (bench.uart._identify() != 0x01)
