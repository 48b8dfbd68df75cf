# SPDX-License-Identifier: GPL-2.0-or-later
"""The wired machine: everything through ports, as a guest sees it after firmware."""

import re

import pytest

from vmm.bus import BusConflict
from vmm.chardev.buffer import BufferBackend
from vmm.clock import SECOND, CountedClock, Timers
from vmm.devices import layout
from vmm.devices.debug_exit import DebugExitPort
from vmm.devices.pc import Pc, PcOptions, PcSignals

MIB = 1 << 20


class Bench:
    def __init__(self, *exits: DebugExitPort) -> None:
        self.clock = CountedClock()
        self.timers = Timers(self.clock)
        self.ram = bytearray(16 * MIB)
        self.statuses: list[int] = []
        self.a20: list[bool] = []
        self.resets = 0
        self.serial, self.debugcon = BufferBackend(), BufferBackend()
        signals = PcSignals(self.statuses.append, self._reset, self.a20.append)
        options = PcOptions(debug_exits=exits)
        self.pc = Pc(memoryview(self.ram), self.clock, self.timers, signals, options,
                     serial=(self.serial,), debugcon=self.debugcon)  # fmt: skip

    def _reset(self) -> None:
        self.resets += 1

    def inb(self, port: int) -> int:
        return self.pc.bus.read(port, 1)

    def outb(self, port: int, value: int) -> None:
        self.pc.bus.write(port, 1, value)

    def run(self, ns: int) -> None:
        self.clock.advance(ns)
        self.timers.run_due()

    def remap(self) -> None:
        """As every kernel does first: vectors 20 and 28, all unmasked."""
        for port, vectors, wiring in ((0x20, 0x20, 4), (0xA0, 0x28, 2)):
            self.outb(port, 0x11)
            for word in (vectors, wiring, 1, 0):
                self.outb(port + 1, word)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_ports_read_as_on_qemu_isapc_after_its_bios(bench: Bench) -> None:
    expected = {
        0x21: 0xB8, 0xA1: 0x8E, 0x4D0: 0, 0x4D1: 0, 0x64: 0x1C, 0x92: 0x02, 0x3F9: 0, 0x3FA: 0x01, 0x3FB: 0,
        0x3FC: 0x08, 0x3FD: 0x60, 0x3FE: 0xB0, 0x3FF: 0, 0x81: 0, 0x87: 0, 0x08: 0, 0xD0: 0, 0xF0: 0xFF,
        0xED: 0xFF, 0x3CC: 0x67, 0x3BA: 0xFF,
    }  # fmt: skip
    assert {port: bench.inb(port) for port in expected} == expected
    assert (bench.pc.pics.master.vector_base, bench.pc.pics.slave.vector_base) == (0x08, 0x70)


def test_the_bios_timer_ticks_18_times_a_second(bench: Bench) -> None:
    ticks = 0
    for _ in range(10_000):
        bench.run(SECOND // 10_000)
        if bench.pc.pics.pending:
            assert bench.pc.pics.acknowledge() == 0x08
            bench.outb(0x20, 0x20)
            ticks += 1
    assert ticks == 18


@pytest.mark.parametrize(
    ("irq", "cause"),
    [
        (0, lambda b: b.run(SECOND)),
        (1, lambda b: b.pc.keyboard.press(0x1C)),
        (4, lambda b: (b.outb(0x3F9, 1), b.serial.send(b"x"))),
        (8, lambda b: (b.outb(0x70, 0x0B), b.outb(0x71, 0x12), b.run(SECOND))),
        (12, lambda b: (b.outb(0x64, 0x60), b.outb(0x60, 0x02), b.outb(0x64, 0xD3), b.outb(0x60, 1))),
        (13, lambda b: b.pc.fpu_error.error()),
    ],
)
def test_every_device_has_its_line(bench: Bench, irq: int, cause: object) -> None:
    bench.remap()
    bench.outb(0x21, ~(1 << irq | 4) & 0xFF if irq < 8 else 0xFB)
    bench.outb(0xA1, ~(1 << irq - 8) & 0xFF if irq >= 8 else 0xFF)
    assert callable(cause)
    cause(bench)
    assert bench.pc.pics.pending
    assert bench.pc.pics.acknowledge() == 0x20 + irq


def test_serial_and_debug_console_reach_their_backends(bench: Bench) -> None:
    bench.outb(0x3F8, ord("s"))
    bench.outb(0xE9, ord("d"))
    assert (bench.serial.text(), bench.debugcon.text()) == ("s", "d")
    assert bench.inb(0xE9) == 0xE9


def test_a_second_serial_port_is_there_only_when_given(bench: Bench) -> None:
    assert bench.inb(0x2FD) == 0xFF
    assert bench.pc.bus.unknown[0x2FD, "read"] == 1


def test_debug_exit_where_asked_for() -> None:
    bench = Bench(DebugExitPort(0xF4, 4), DebugExitPort())
    bench.pc.bus.write(0xF4, 4, 0x10)
    bench.outb(0x501, 0)
    assert bench.statuses == [0x21, 1]


def test_debug_exit_on_ports_that_are_taken_is_refused() -> None:
    with pytest.raises(BusConflict, match=re.escape("asks for ports 0x3f8-0x3f9")):
        Bench(DebugExitPort(0x3F8, 2))


def test_the_screen_is_ram_at_b8000(bench: Bench) -> None:
    bench.ram[0xB8000:0xB8006] = b"H\x07i\x07!\x07"
    assert bench.pc.vga.text() == "Hi!"
    bench.pc.bus.write(0x3D4, 2, 0x020F)  # index and data in one access
    assert bench.pc.vga.crtc[0x0F] == 2


def test_a20_needs_both_sources_closed(bench: Bench) -> None:
    bench.outb(0x92, 0x00)
    assert bench.pc.a20.is_open
    bench.outb(0x64, 0xDD)
    bench.outb(0x92, 0x02)
    assert bench.a20 == [False, True]


@pytest.mark.parametrize(("port", "value"), [(0x64, 0xFE), (0x92, 0x03)])
def test_guests_can_reset(bench: Bench, port: int, value: int) -> None:
    bench.outb(port, value)
    assert bench.resets == 1


def test_cmos_knows_the_memory(bench: Bench) -> None:
    bench.outb(0x70, 0x31)
    assert bench.inb(0x71) == 15 * 1024 >> 8


def test_pci_and_post(bench: Bench) -> None:
    bench.pc.bus.write(0xCF8, 4, 0x80000000)
    assert bench.pc.bus.read(0xCF8, 4) == 0x80000000
    assert bench.pc.bus.read(0xCFC, 4) == 0xFFFFFFFF
    bench.outb(0x80, 0x55)
    assert bench.pc.dma_pages.post_code == 0x55


def test_reset_is_the_state_after_firmware(bench: Bench) -> None:
    bench.remap()
    for port in (0x21, 0xA1, 0x3F9, 0x61, 0x92):
        bench.outb(port, 0x01)
    bench.outb(0x3D4, 0x0C)
    bench.pc.reset()
    fresh = Bench()
    for port in (0x21, 0xA1, 0x3F9, 0x61, 0x64, 0x92, 0x3D4, 0x3FC):
        assert bench.inb(port) == fresh.inb(port)
    assert bench.pc.pics.master.vector_base == 0x08


def test_no_access_of_any_size_breaks_a_device(bench: Bench) -> None:
    for row in layout.PORTS:
        for port in range(row.base, row.base + row.count):
            for size in (1, 2, 4):
                assert 0 <= bench.pc.bus.read(port, size) < 1 << 8 * size
                for value in (0, (1 << 8 * size) - 1):
                    bench.pc.bus.write(port, size, value)
                bench.run(1_000)


def test_two_machines_with_the_same_accesses_are_the_same() -> None:
    def play() -> tuple[list[int], list[int]]:
        bench = Bench()
        bench.remap()
        values, vectors = [], []
        for step in range(2_000):
            bench.run(123_457)
            for port in (0x40, 0x61, 0x71, 0x3DA):
                values.append(bench.inb(port))
            bench.outb(0x70, step % 16)
            bench.outb(0x43, 0)
            if bench.pc.pics.pending:
                vectors.append(bench.pc.pics.acknowledge())
                bench.outb(0x20, 0x20)
        return values, vectors

    assert play() == play()


def test_the_port_table_is_in_order_and_fits_the_part_list() -> None:
    bases = [row.base for row in layout.PORTS]
    assert bases == sorted(bases)
    assert {row.part for row in layout.PORTS} == set(layout.Part)
