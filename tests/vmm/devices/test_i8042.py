# SPDX-License-Identifier: GPL-2.0-or-later
"""The keyboard controller as Linux's i8042 driver, atkbd and memtest86+ talk to it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmm.devices.i8042 import I8042
from vmm.devices.irq import IrqLine
from vmm.devices.keyboard import CAPACITY, Keyboard
from vmm.devices.keymap import KEYS

DATA, COMMAND = 0, 1


class Bench:
    def __init__(self) -> None:
        self.keyboard = Keyboard()
        self.irqs: list[int] = []
        self.a20: list[bool] = []
        self.resets = 0
        self.irq1 = IrqLine(lambda level: self.irqs.append(1) if level else None)
        self.irq12 = IrqLine(lambda level: self.irqs.append(12) if level else None)
        self.controller = I8042(self.keyboard, self.irq1, self.irq12, self.a20.append, self._reset)

    def _reset(self) -> None:
        self.resets += 1

    def status(self) -> int:
        return self.controller.port_read(COMMAND, 1)

    def data(self) -> int:
        return self.controller.port_read(DATA, 1)

    def command(self, value: int, *data: int) -> None:
        self.controller.port_write(COMMAND, 1, value)
        for byte in data:
            self.write(byte)

    def write(self, value: int) -> None:
        self.controller.port_write(DATA, 1, value)

    def ask(self, value: int, *data: int) -> int:
        """A command with an answer, as drivers do it: send, wait for full, read."""
        self.command(value, *data)
        assert self.status() & 1
        return self.data()

    def drain(self) -> bytes:
        received = bytearray()
        while self.status() & 1:
            received.append(self.data())
        return bytes(received)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_power_on_state_is_that_after_a_bios(bench: Bench) -> None:
    assert bench.status() == 0x1C
    assert bench.ask(0x20) == 0x61
    assert bench.ask(0xC0) == 0x80
    assert bench.ask(0xD0) == 0xCF


def test_linux_finds_controller_and_aux_port(bench: Bench) -> None:
    """drivers/input/serio/i8042.c: controller_check, selftest, init, check_aux."""
    assert bench.drain() == b""
    assert bench.ask(0xAA) == 0x55
    mode = bench.ask(0x20)
    assert bench.ask(0x20) == mode
    bench.command(0x60, mode & ~0x01 | 0x10)
    assert bench.ask(0x20) == mode & ~0x01 | 0x10
    bench.command(0xD3, 0x5A)
    assert bench.status() & 0x21 == 0x21
    assert bench.data() == 0x5A
    bench.command(0xA7)
    assert bench.ask(0x20) & 0x20
    bench.command(0xA8)
    assert not bench.ask(0x20) & 0x20
    for probe in (0xF0, 0x56, 0xA4):  # an active multiplexer would answer 0F, A9, its version
        assert bench.ask(0xD3, probe) == probe
    assert bench.ask(0xA9) == 0x00
    assert bench.ask(0xAB) == 0x00


def test_linux_sees_the_aux_interrupt(bench: Bench) -> None:
    bench.command(0x60, 0x02)
    bench.command(0xD3, 0xA5)
    assert bench.irqs == [12]
    assert bench.irq12.level
    bench.data()
    assert not bench.irq12.level


def test_no_mouse_answers_with_a_time_out(bench: Bench) -> None:
    bench.command(0xD4, 0xF2)
    assert bench.status() & 0x61 == 0x61
    assert bench.data() == 0xFE
    assert not bench.status() & 0x61


def test_linux_atkbd_probes_the_keyboard(bench: Bench) -> None:
    """drivers/input/keyboard/atkbd.c: identify, lights, rate, enable; answers come translated."""
    bench.write(0xF2)
    assert bench.drain() == b"\xfa\xab\x41"
    for command, data in ((0xED, 0x02), (0xF3, 0x00)):
        bench.write(command)
        assert bench.drain() == b"\xfa"
        bench.write(data)
        assert bench.drain() == b"\xfa"
    assert bench.keyboard.leds == 2
    bench.write(0xF4)
    assert bench.drain() == b"\xfa"
    bench.write(0xFF)
    assert bench.drain() == b"\xfa\xaa"


def test_memtest_polls_set_1_codes(bench: Bench) -> None:
    bench.keyboard.press(KEYS["ret"])
    bench.keyboard.release(KEYS["ret"])
    bench.keyboard.press(KEYS["up"])
    assert bench.drain() == b"\x1c\x9c\xe0\x48"


def test_every_byte_makes_an_interrupt(bench: Bench) -> None:
    bench.keyboard.press(KEYS["up"])
    assert bench.irqs == [1]
    bench.data()
    assert bench.irqs == [1, 1]
    bench.data()
    assert not bench.irq1.level


def test_interrupts_can_be_off(bench: Bench) -> None:
    bench.command(0x60, 0x40)
    bench.keyboard.press(KEYS["a"])
    assert not bench.irq1.level
    assert bench.status() & 1
    bench.command(0x60, 0x41)
    assert bench.irq1.level


def test_without_translation_set_2_comes_through(bench: Bench) -> None:
    bench.command(0x60, 0x01)
    bench.keyboard.press(KEYS["a"])
    bench.keyboard.release(KEYS["a"])
    assert bench.drain() == b"\x1c\xf0\x1c"


def test_a_disabled_keyboard_waits(bench: Bench) -> None:
    bench.command(0xAD)
    bench.keyboard.press(KEYS["b"])
    assert not bench.status() & 1
    bench.command(0xAE)
    assert bench.drain() == b"\x30"


def test_talking_to_a_disabled_keyboard_enables_it(bench: Bench) -> None:
    bench.command(0xAD)
    bench.write(0xEE)
    assert bench.drain() == b"\xee"


def test_an_answer_comes_before_waiting_keys(bench: Bench) -> None:
    bench.keyboard.press(KEYS["a"])
    bench.keyboard.press(KEYS["b"])
    bench.command(0x20)
    assert bench.drain() == b"\x1e\x61\x30"


def test_an_empty_buffer_reads_the_last_byte_again(bench: Bench) -> None:
    assert bench.ask(0xAA) == 0x55
    assert bench.data() == 0x55


def test_status_tells_commands_from_data(bench: Bench) -> None:
    bench.write(0xEE)
    assert not bench.status() & 0x08
    bench.command(0xA8)
    assert bench.status() & 0x08


def test_scan_sets(bench: Bench) -> None:
    bench.command(0x60, 0x01)
    bench.write(0xF0)
    bench.write(0x00)
    assert bench.drain() == b"\xfa\xfa\x02"
    bench.write(0xF0)
    bench.write(0x01)
    bench.keyboard.press(KEYS["f12"])
    assert bench.drain() == b"\xfa\xfa\x58"
    bench.write(0xF0)
    bench.write(0x03)
    assert bench.drain() == b"\xfa\xfe"


def test_disabled_scanning_drops_keys(bench: Bench) -> None:
    bench.write(0xF5)
    bench.keyboard.press(KEYS["a"])
    assert bench.drain() == b"\xfa"
    bench.write(0xF6)
    bench.keyboard.press(KEYS["a"])
    assert bench.drain() == b"\xfa\x1e"


def test_resend_unknown_and_key_types(bench: Bench) -> None:
    bench.write(0xEE)
    bench.write(0xFE)
    assert bench.drain() == b"\xee\xee"
    bench.write(0xF1)
    assert bench.drain() == b"\xfe"
    bench.write(0xFA)
    assert bench.drain() == b"\xfa"


def test_a_command_instead_of_data_is_a_command(bench: Bench) -> None:
    bench.write(0xED)
    bench.write(0xF4)
    assert bench.drain() == b"\xfa\xfa"
    assert bench.keyboard.leds == 0


@pytest.mark.parametrize("how", [(0xFE,), (0xF0,), (0xD1, 0xCE)])
def test_the_reset_line(bench: Bench, how: tuple[int, ...]) -> None:
    bench.command(*how)
    assert bench.resets == 1


def test_pulsing_other_lines_does_not_reset(bench: Bench) -> None:
    bench.command(0xFF)
    bench.command(0xD1, 0xCF)
    assert bench.resets == 0


def test_the_a20_gate(bench: Bench) -> None:
    bench.command(0xD1, 0xCD)
    assert bench.ask(0xD0) & 0x02 == 0
    bench.command(0xDF)
    bench.command(0xDD)
    assert bench.a20 == [False, True, False]


def test_keyboard_loop_and_password(bench: Bench) -> None:
    assert bench.ask(0xD2, 0x77) == 0x77
    assert bench.irqs == [1]
    assert bench.ask(0xA4) == 0xF1


def test_unknown_commands_do_nothing(bench: Bench) -> None:
    before = bench.status()
    bench.command(0xB7)
    assert bench.status() == before


def test_reset_is_power_on(bench: Bench) -> None:
    bench.keyboard.press(KEYS["a"])
    bench.command(0x60, 0x00)
    bench.controller.reset()
    assert not bench.irq1.level
    assert bench.status() == 0x1C
    assert bench.ask(0x20) == 0x61


@given(st.lists(st.tuples(st.sampled_from([DATA, COMMAND]), st.integers(0, 255)), max_size=80))
def test_no_writes_break_it_or_fill_memory(writes: list[tuple[int, int]]) -> None:
    bench = Bench()
    for _ in range(5):
        for offset, value in writes:
            bench.controller.port_write(offset, 1, value)
    assert len(bench.keyboard.output) <= CAPACITY
    bench.drain()
    assert not bench.irq1.level
    assert not bench.irq12.level
