# SPDX-License-Identifier: GPL-2.0-or-later
"""The 8042 keyboard controller of a PC/AT: keyboard port, an auxiliary port with nothing on it, A20, reset.

IBM PS/2 technical reference, "Keyboard and Auxiliary Device Controller"; power-on values as QEMU's `-M isapc`
leaves them after its BIOS. The next byte is in the output buffer as soon as the last one was read.
"""

from collections.abc import Callable
from dataclasses import dataclass

from vmm.devices.irq import IrqLine
from vmm.devices.keyboard import Keyboard
from vmm.devices.scancodes import Translator

DATA, COMMAND = 0, 1
STATUS_FULL, STATUS_SYSTEM, STATUS_COMMAND, STATUS_UNLOCKED = 0x01, 0x04, 0x08, 0x10
STATUS_AUX, STATUS_TIMEOUT = 0x20, 0x40
MODE_KEYBOARD_IRQ, MODE_AUX_IRQ = 0x01, 0x02
MODE_KEYBOARD_OFF, MODE_AUX_OFF, MODE_TRANSLATE = 0x10, 0x20, 0x40
OUT_RUNNING, OUT_A20, OUT_KEYBOARD_FULL, OUT_AUX_FULL = 0x01, 0x02, 0x10, 0x20
_OUT_WIRED = 0xCC
_INPUT_PORT = 0x80  # keyboard not locked
_SELF_TEST_PASSED, _PORT_WORKS, _NO_PASSWORD, _NO_ANSWER = 0x55, 0x00, 0xF1, 0xFE
_MODE_BY_FIRMWARE = MODE_KEYBOARD_IRQ | MODE_AUX_OFF | MODE_TRANSLATE

_READ_MODE, _WRITE_MODE, _TEST_PASSWORD = 0x20, 0x60, 0xA4
_WRITE_OUTPUT, _LOOP_KEYBOARD, _LOOP_AUX, _WRITE_AUX = 0xD1, 0xD2, 0xD3, 0xD4
_A20_OFF, _A20_ON = 0xDD, 0xDF
_TAKES_DATA = frozenset((_WRITE_MODE, _WRITE_OUTPUT, _LOOP_KEYBOARD, _LOOP_AUX, _WRITE_AUX))
#: command -> (bits to clear, bits to set) in the mode byte
_MODE_COMMANDS = {0xA7: (0, MODE_AUX_OFF), 0xA8: (MODE_AUX_OFF, 0),
                  0xAD: (0, MODE_KEYBOARD_OFF), 0xAE: (MODE_KEYBOARD_OFF, 0)}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Byte:
    """What is or goes into the output buffer; `status` marks where it came from."""

    value: int
    status: int = 0


class I8042:
    """Offset 0 is the data port, offset 1 status (read) and command (write)."""

    name = "i8042"

    def __init__(
        self,
        keyboard: Keyboard,
        keyboard_irq: IrqLine,
        aux_irq: IrqLine,
        on_a20: Callable[[bool], None],
        on_reset: Callable[[], None],
    ) -> None:
        self._keyboard = keyboard
        self._keyboard_irq = keyboard_irq
        self._aux_irq = aux_irq
        self._on_a20 = on_a20
        self._on_reset = on_reset
        keyboard.on_output = self._fill
        self.reset()

    def reset(self) -> None:
        """As firmware leaves it: tested, translating, keyboard interrupt on, A20 open."""
        self._keyboard.reset()
        self.mode = _MODE_BY_FIRMWARE
        self._status = STATUS_SYSTEM | STATUS_COMMAND | STATUS_UNLOCKED
        self._a20 = True
        self._pending = 0  # the command whose data byte is to come
        self._buffer: _Byte | None = None
        self._last = 0
        self._reply: _Byte | None = None  # the controller's own answer, waiting for the buffer
        self._translator = Translator()
        self._drive()

    # -- the output buffer ---------------------------------------------------------------------------------

    def _fill(self) -> None:
        """Put the next byte into an empty output buffer: answers first, then the keyboard."""
        if self._buffer is None and self._reply is not None:
            self._buffer, self._reply = self._reply, None
        while self._buffer is None and self._keyboard.output and not self.mode & MODE_KEYBOARD_OFF:
            value: int | None = self._keyboard.take()
            if value is not None and self.mode & MODE_TRANSLATE:
                value = self._translator.feed(value)
            if value is not None:
                self._buffer = _Byte(value)
        self._drive()
        self._keyboard.drained()

    def _drive(self) -> None:
        full, aux = self._buffer is not None, self._buffer is not None and self._buffer.status & STATUS_AUX
        self._keyboard_irq.set(full and not aux and bool(self.mode & MODE_KEYBOARD_IRQ))
        self._aux_irq.set(bool(aux) and bool(self.mode & MODE_AUX_IRQ))

    def _answer(self, value: int, status: int = 0) -> None:
        """Answer as the controller; an answer that was not taken yet is overwritten."""
        self._reply = _Byte(value, status)
        self._fill()

    # -- ports ---------------------------------------------------------------------------------------------

    def port_read(self, offset: int, size: int) -> int:
        buffer = self._buffer
        if offset == COMMAND:
            return self._status if buffer is None else self._status | STATUS_FULL | buffer.status
        if buffer is not None:
            self._last, self._buffer = buffer.value, None
            self._drive()
            self._fill()
        return self._last

    def port_write(self, offset: int, size: int, value: int) -> None:
        if offset == COMMAND:
            self._status |= STATUS_COMMAND
            self._command(value)
            return
        self._status &= ~STATUS_COMMAND
        pending, self._pending = self._pending, 0
        if pending:
            self._write_data(pending, value)
        else:
            self.mode &= ~MODE_KEYBOARD_OFF  # talking to the keyboard opens its clock line
            self._keyboard.write(value)

    def _command(self, value: int) -> None:
        self._pending = value if value in _TAKES_DATA else 0
        if value in _MODE_COMMANDS:
            clear, set_ = _MODE_COMMANDS[value]
            self.mode = self.mode & ~clear | set_
            self._fill()
        elif value >= 0xF0:
            if not value & OUT_RUNNING:
                self._on_reset()
        elif value in (_A20_OFF, _A20_ON):
            self._set_a20(value == _A20_ON)
        else:
            self._ask(value)

    def _ask(self, command: int) -> None:
        """Commands that are questions; one that the controller does not know does nothing."""
        if command == 0xAA:
            self._answer(_SELF_TEST_PASSED)
        elif command in (0xA9, 0xAB):
            self._answer(_PORT_WORKS)
        elif command == _READ_MODE:
            self._answer(self.mode)
        elif command == _TEST_PASSWORD:
            self._answer(_NO_PASSWORD)
        elif command == 0xC0:
            self._answer(_INPUT_PORT)
        elif command == 0xD0:
            self._answer(self._output_port())

    def _output_port(self) -> int:
        full = 0
        if self._buffer is not None:
            full = OUT_AUX_FULL if self._buffer.status & STATUS_AUX else OUT_KEYBOARD_FULL
        return _OUT_WIRED | OUT_RUNNING | (OUT_A20 if self._a20 else 0) | full

    def _write_data(self, command: int, value: int) -> None:
        if command == _WRITE_MODE:
            self.mode = value
            self._fill()
        elif command == _WRITE_OUTPUT:
            self._set_a20(bool(value & OUT_A20))
            if not value & OUT_RUNNING:
                self._on_reset()
        elif command == _LOOP_KEYBOARD:
            self._answer(value)
        elif command == _LOOP_AUX:
            self._answer(value, STATUS_AUX)
        else:
            self._answer(_NO_ANSWER, STATUS_AUX | STATUS_TIMEOUT)  # nothing is plugged in there

    def _set_a20(self, is_open: bool) -> None:
        self._a20 = is_open
        self._on_a20(is_open)
