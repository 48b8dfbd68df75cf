# SPDX-License-Identifier: GPL-2.0-or-later
"""An AT keyboard: commands in, scan codes out.

IBM PS/2 technical reference, "Keyboards", "Commands from the System" and "Commands to the System". Sets 1
and 2 are there; set 3 is refused with "resend", as keyboards without it do.
"""

from collections import deque
from collections.abc import Callable

from vmm.devices import scancodes

ACK, RESEND, ECHO, SELF_TEST_PASSED = 0xFA, 0xFE, 0xEE, 0xAA
_IDENTITY = b"\xab\x83"
_SET_LEDS, _ECHO, _SCAN_SET, _IDENTIFY, _RATE = 0xED, 0xEE, 0xF0, 0xF2, 0xF3
_ENABLE, _DISABLE, _DEFAULTS, _RESEND, _RESET = 0xF4, 0xF5, 0xF6, 0xFE, 0xFF
_KEY_TYPES = range(0xF7, 0xFE)  # typematic, make/break: accepted, of no consequence
_TAKES_DATA = frozenset((_SET_LEDS, _SCAN_SET, _RATE))
#: bytes kept for a guest that does not read; more are lost, as in a keyboard's own 16-byte buffer
CAPACITY = 256


class Keyboard:
    """Bytes for the controller wait in `output`; `on_output` says that there are some."""

    def __init__(self) -> None:
        self.output: deque[int] = deque()
        self.on_output: Callable[[], None] | None = None
        #: called when the controller has taken all
        self.on_drained: Callable[[], None] | None = None
        self.reset()

    def reset(self) -> None:
        """As firmware leaves it: set 2, scanning, no lights."""
        self.output.clear()
        self._defaults()
        self.leds = 0
        self._pending = 0  # the command whose data byte is to come
        self._last = 0

    def _defaults(self) -> None:
        self.scan_set = 2
        self.scanning = True
        self.rate = 0x2B

    def _send(self, *data: int) -> None:
        if len(self.output) + len(data) <= CAPACITY:
            self.output.extend(data)
        if self.on_output is not None:
            self.on_output()

    def take(self) -> int:
        """The oldest waiting byte, for the controller."""
        self._last = self.output.popleft()
        return self._last

    def drained(self) -> None:
        """The controller took what it could; somebody may want to type on when nothing is left."""
        if not self.output and self.on_drained is not None:
            self.on_drained()

    def press(self, key: int) -> None:
        """A key goes down; scan codes of set 1 name keys (keymap.KEYS)."""
        self._move(key, True)

    def release(self, key: int) -> None:
        """A key comes up."""
        self._move(key, False)

    def _move(self, key: int, pressed: bool) -> None:
        if self.scanning:
            self._send(*scancodes.encode(key, pressed, self.scan_set))

    def write(self, value: int) -> None:
        """A byte from the controller: a command, or the data of the one before."""
        pending, self._pending = self._pending, 0
        if pending and value < _SET_LEDS:
            self._write_data(pending, value)
        else:
            self._command(value)

    def _write_data(self, command: int, value: int) -> None:
        if command == _SCAN_SET:
            self._choose_set(value)
            return
        if command == _SET_LEDS:
            self.leds = value & 7
        else:
            self.rate = value & 0x7F
        self._send(ACK)

    def _choose_set(self, value: int) -> None:
        if value == 0:
            self._send(ACK, self.scan_set)
        elif value in (1, 2):
            self.scan_set = value
            self._send(ACK)
        else:
            self._send(RESEND)

    def _command(self, value: int) -> None:
        if value in _TAKES_DATA:
            self._pending = value
            self._send(ACK)
        elif value == _RESET:
            self.output.clear()
            self._defaults()
            self._send(ACK, SELF_TEST_PASSED)
        elif value in (_ENABLE, _DISABLE, _DEFAULTS):
            self._set_scanning(value)
        else:
            self._answer(value)

    def _set_scanning(self, command: int) -> None:
        self.output.clear()
        if command != _ENABLE:
            self._defaults()
        self.scanning = command != _DISABLE
        self._send(ACK)

    def _answer(self, value: int) -> None:
        if value == _ECHO:
            self._send(ECHO)
        elif value == _IDENTIFY:
            self._send(ACK, *_IDENTITY)
        elif value == _RESEND:
            self._send(self._last)
        elif value in _KEY_TYPES:
            self._send(ACK)
        else:
            self._send(RESEND)
