# SPDX-License-Identifier: GPL-2.0-or-later
"""Typing takes virtual time, keeps its order, and waits for a guest that does not read."""

from vmm.clock import CountedClock, Timers
from vmm.devices.i8042 import I8042
from vmm.devices.irq import IrqLine
from vmm.devices.keyboard import Keyboard
from vmm.devices.keymap import parse_chords
from vmm.devices.typist import DEFAULT_HOLD, LONG_HOLD, Typist


class Bench:
    def __init__(self) -> None:
        self.clock = CountedClock()
        self.timers = Timers(self.clock)
        self.keyboard = Keyboard()
        self.controller = I8042(self.keyboard, IrqLine(), IrqLine(), lambda on: None, lambda: None)
        self.typist = Typist(self.keyboard, self.timers)

    def read(self) -> bytes:
        received = bytearray()
        while self.controller.port_read(1, 1) & 1:
            received.append(self.controller.port_read(0, 1))
        return bytes(received)

    def step(self, ns: int = DEFAULT_HOLD) -> bytes:
        """Let time pass, then read everything."""
        self.clock.advance(ns)
        self.timers.run_due()
        return self.read()


def test_keys_are_held_for_a_while() -> None:
    bench = Bench()
    bench.typist.send("a b")
    assert bench.read() == b"\x1e"
    assert bench.step(DEFAULT_HOLD - 1) == b""
    assert bench.step(1) == b"\x9e"
    assert bench.step() == b"\x30"
    assert not bench.typist.idle
    assert bench.step() == b"\xb0"
    assert bench.step() == b""
    assert bench.typist.idle


def test_a_chord_is_pressed_in_order_and_let_go_in_reverse() -> None:
    bench = Bench()
    bench.typist.send("ctrl-alt-delete")
    assert bench.read() == b"\x1d\x38\xe0\x53"
    assert bench.step() == b"\xe0\xd3\xb8\x9d"


def test_text_is_typed_with_shift() -> None:
    bench = Bench()
    bench.typist.type("A\n")
    received = bench.read() + b"".join(bench.step() for _ in range(4))
    assert received == b"\x2a\x1e\x9e\xaa\x1c\x9c"


def test_a_guest_that_does_not_read_loses_nothing() -> None:
    bench = Bench()
    bench.typist.type("abc" * 100)
    for _ in range(1000):
        bench.clock.advance(DEFAULT_HOLD)
        bench.timers.run_due()
    assert len(bench.keyboard.output) < 16
    assert bench.timers.next_deadline() is None  # nobody polls for room
    received = bench.read()
    while not bench.typist.idle:
        received += bench.step()
    assert received == b"\x1e\x9e\x30\xb0\x2e\xae" * 100


def test_being_done_is_told() -> None:
    bench = Bench()
    calls: list[int] = []
    bench.typist.on_idle = lambda: calls.append(bench.clock.now())
    bench.typist.send("x", hold_ns=5)
    bench.step(5)
    bench.step(5)
    assert calls == [10]


def test_a_touched_key_is_held_long_when_nothing_follows() -> None:
    bench = Bench()
    bench.typist.touch(parse_chords("right"))
    assert bench.read() == b"\xe0\x4d"
    assert bench.step(LONG_HOLD - 1) == b""
    assert bench.step(1) == b"\xe0\xcd"


def test_a_touched_key_that_comes_again_stays_down() -> None:
    bench = Bench()
    received = b""
    for _ in range(5):  # a terminal's own repeating, 30 a second
        bench.typist.touch(parse_chords("right"))
        received += bench.read() + bench.step(DEFAULT_HOLD) + bench.step(2 * DEFAULT_HOLD)
    assert received == b"\xe0\x4d" * 5
    assert bench.step(LONG_HOLD) == b"\xe0\xcd"


def test_a_touched_key_makes_way_for_the_next() -> None:
    bench = Bench()
    bench.typist.touch(parse_chords("l"))
    bench.typist.touch(parse_chords("s"))
    assert bench.read() + bench.step() + bench.step() == b"\x26\xa6\x1f"
