# SPDX-License-Identifier: GPL-2.0-or-later
"""Somebody who types: presses chords one after the other, holds them, lets go.

Holding takes virtual time, so a guest that looks at its keyboard only now and then sees the key down. The
typist waits for a guest that does not read, so no key is ever lost.
"""

from collections import deque
from collections.abc import Callable

from vmm.clock import Timer, Timers
from vmm.devices.keyboard import Keyboard
from vmm.devices.keymap import Chord, chords_of_text, parse_chords

#: ns that a key is held, and at most what passes before the next one
DEFAULT_HOLD = 10_000_000
#: ns that a key which nothing follows is held: a guest that looks ten times a second sees it (QEMU's sendkey, too)
LONG_HOLD = 100_000_000
_TOUCHED = 0  # in place of a time to hold: as `touch` says


class Typist:
    """The hands on one keyboard."""

    def __init__(self, keyboard: Keyboard, timers: Timers) -> None:
        self._keyboard = keyboard
        self._timers = timers
        self._waiting: deque[tuple[Chord, int]] = deque()
        self._held: tuple[Chord, int] | None = None
        self._resting = False  # a timer stands that goes on to the next chord
        self._letting_go: Timer | None = None
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

    def touch(self, chords: list[Chord]) -> None:
        """Type chords as a terminal tells of them, which does not say when a key is let go.

        Each is held until another follows or LONG_HOLD has passed, and is not let go while the same one comes again.
        """
        self._waiting.extend((chord, _TOUCHED) for chord in chords)
        if self._held is not None and self._held[1] == _TOUCHED and chords:
            self._hold(DEFAULT_HOLD)
        self._next()

    def _hold(self, ns: int) -> None:
        """Let go of what is held in `ns`; what was planned before is forgotten."""
        self._timers.cancel(self._letting_go)
        self._letting_go = self._timers.schedule(self._timers.clock.now() + ns, self._let_go)

    def _touch_time(self) -> int:
        return DEFAULT_HOLD if self._waiting else LONG_HOLD

    def _repeated(self) -> bool:
        """The key that is held comes again: it stays down, and repeats itself as keyboards do."""
        if self._keyboard.output or self._held is None or not self._waiting:
            return False
        if self._held[1] != _TOUCHED or self._waiting[0] != self._held:
            return False
        self._waiting.popleft()
        self._keyboard.press(self._held[0][-1])
        self._hold(self._touch_time())
        return True

    def _next(self) -> None:
        if self._held is not None or self._resting or self._keyboard.output or not self._waiting:
            return
        chord, hold_ns = self._held = self._waiting.popleft()
        for key in chord:
            self._keyboard.press(key)
        self._hold(self._touch_time() if hold_ns == _TOUCHED else hold_ns)

    def _let_go(self) -> None:
        if self._held is None or self._repeated():
            return
        (chord, hold_ns), self._held = self._held, None
        self._resting = True
        for key in reversed(chord):
            self._keyboard.release(key)
        rest = min(hold_ns or DEFAULT_HOLD, DEFAULT_HOLD)
        self._timers.schedule(self._timers.clock.now() + rest, self._rested)

    def _rested(self) -> None:
        self._resting = False
        self._next()
        if self.idle and self.on_idle is not None:
            self.on_idle()
