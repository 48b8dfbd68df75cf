# SPDX-License-Identifier: GPL-2.0-or-later
"""Somebody who types: presses chords one after the other, holds them, lets go.

Holding takes virtual time, so a guest that looks at its keyboard only now and then sees the key down. The
typist waits for a guest that does not read, so no key is ever lost.
"""

from collections import deque
from collections.abc import Callable

from vmm.clock import Timers
from vmm.devices.keyboard import Keyboard
from vmm.devices.keymap import Chord, chords_of_text, parse_chords

#: ns that a key is held, and that passes before the next one
DEFAULT_HOLD = 10_000_000


class Typist:
    """The hands on one keyboard."""

    def __init__(self, keyboard: Keyboard, timers: Timers) -> None:
        self._keyboard = keyboard
        self._timers = timers
        self._waiting: deque[tuple[Chord, int]] = deque()
        self._held: tuple[Chord, int] | None = None
        self._resting = False  # a timer stands that goes on to the next chord
        #: called when everything was typed
        self.on_idle: Callable[[], None] | None = None
        keyboard.on_drained = self._next

    @property
    def idle(self) -> bool:
        """Whether everything was typed, let go, and left a moment."""
        return not self._waiting and self._held is None and not self._resting

    @property
    def waiting(self) -> int:
        """Chords that are still to be typed."""
        return len(self._waiting)

    def send(self, keys: str, hold_ns: int = DEFAULT_HOLD) -> None:
        """Type chords by name: "esc down ret ctrl-c"."""
        self.press(parse_chords(keys), hold_ns)

    def type(self, text: str, hold_ns: int = DEFAULT_HOLD) -> None:
        """Type a text as it stands, on a US keyboard."""
        self.press(chords_of_text(text), hold_ns)

    def press(self, chords: list[Chord], hold_ns: int = DEFAULT_HOLD) -> None:
        """Type chords of scan codes, after what was asked for before."""
        self._waiting.extend((chord, hold_ns) for chord in chords)
        self._next()

    def _next(self) -> None:
        if self._held is not None or self._resting or self._keyboard.output or not self._waiting:
            return
        chord, hold_ns = self._held = self._waiting.popleft()
        for key in chord:
            self._keyboard.press(key)
        self._timers.schedule(self._timers.clock.now() + hold_ns, self._let_go)

    def _let_go(self) -> None:
        if self._held is None:
            return
        (chord, hold_ns), self._held = self._held, None
        self._resting = True
        for key in reversed(chord):
            self._keyboard.release(key)
        self._timers.schedule(self._timers.clock.now() + hold_ns, self._rested)

    def _rested(self) -> None:
        self._resting = False
        self._next()
        if self.idle and self.on_idle is not None:
            self.on_idle()
