# SPDX-License-Identifier: GPL-2.0-or-later
"""Terminal input as key presses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmm.chardev.buffer import BufferBackend
from vmm.clock import CountedClock, Timers
from vmm.devices.keyboard import Keyboard
from vmm.devices.keymap import KEYS
from vmm.devices.typist import Typist
from vmm.display.terminal_keys import TerminalKeys, chords

MAKE_K, BREAK = 0x42, 0xF0  # in set 2; a release is both


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a", ["a"]), ("A", ["shift a"]), ("\r", ["ret"]), ("\x1b", ["esc"]), ("\x7f", ["backspace"]),
        ("\x1b[A", ["up"]), ("\x1bOD", ["left"]), ("\x1b[H\x1b[F", ["home", "end"]), ("\x1b[5~", ["pgup"]),
        ("\x1bOP", ["f1"]), ("\x1b[15~", ["f5"]), ("\x1b[24~", ["f12"]), ("\x1b[3~x", ["delete", "x"]),
        ("\x1b[1;5C", ["ctrl right"]), ("\x1b[1;2P", ["shift f1"]), ("\x1bx", ["alt x"]),
        ("\x1b\x1b", ["alt esc"]), ("\x18", ["ctrl x"]), ("é", []), ("\x1b[99~", []), ("\x1b[Z", []),
    ],
)  # fmt: skip
def test_keys_of_a_terminal(text: str, names: list[str]) -> None:
    assert list(chords(text)) == [tuple(KEYS[key] for key in chord.split()) for chord in names]


@given(st.text(max_size=40))
def test_any_input_is_taken(text: str) -> None:
    codes = set(KEYS.values())
    assert all(code in codes for chord in chords(text) for code in chord)


def test_input_waits_for_the_typist() -> None:
    clock = CountedClock()
    timers = Timers(clock)
    keyboard = Keyboard()
    typist = Typist(keyboard, timers)
    backend = BufferBackend()
    backend.connect(TerminalKeys(typist, backend.pump))
    backend.send(b"k" * 1000)
    assert typist.waiting <= 256
    typed = 0
    while not typist.idle:
        while keyboard.output:
            code = keyboard.take()
            typed += (code == MAKE_K) - (code == BREAK)
        keyboard.drained()
        deadline = timers.next_deadline()
        assert deadline is not None
        clock.advance(deadline - clock.now())
        timers.run_due()
    assert typed == 1000
