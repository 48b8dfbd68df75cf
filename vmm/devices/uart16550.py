# SPDX-License-Identifier: GPL-2.0-or-later
"""A 16550A serial port that sends at once and never loses input.

National Semiconductor PC16550D datasheet. The transmitter is always empty: guests that look at it a hundred
times and then give up never wait. Received bytes come as fast as the guest reads; what does not fit the FIFO
waits in the backend, so there is no overrun outside loopback. As in QEMU, OUT2 does not gate the interrupt.
"""

from collections import deque
from collections.abc import Callable

from vmm.chardev.backend import CharBackend
from vmm.devices.irq import IrqLine

_BYTES = tuple(bytes((i,)) for i in range(256))

# Interrupt enable and identification (sections 8.6 and 8.8).
IER_RECEIVED, IER_EMPTY, IER_LINE, IER_MODEM = 0x01, 0x02, 0x04, 0x08
IIR_NONE, IIR_MODEM, IIR_EMPTY, IIR_RECEIVED, IIR_LINE, IIR_TIMEOUT = 0x01, 0x00, 0x02, 0x04, 0x06, 0x0C
IIR_FIFOS = 0xC0
FCR_ENABLE, FCR_CLEAR_RECEIVER = 0x01, 0x02
LCR_DLAB = 0x80
MCR_DTR, MCR_RTS, MCR_OUT1, MCR_OUT2, MCR_LOOP = 0x01, 0x02, 0x04, 0x08, 0x10
LSR_READY, LSR_OVERRUN, LSR_ERRORS, LSR_EMPTY = 0x01, 0x02, 0x1E, 0x60
MSR_CTS, MSR_DSR, MSR_RI, MSR_DCD = 0x10, 0x20, 0x40, 0x80
MSR_RI_ENDED = 0x04
_CONNECTED = MSR_CTS | MSR_DSR | MSR_DCD
_TRIGGERS = (1, 4, 8, 14)
_DEPTH = 16


class Uart16550:
    """Offsets 0 to 7. Input comes from `backend`, on the run loop's thread."""

    name = "uart"

    def __init__(self, irq: IrqLine, backend: CharBackend) -> None:
        self._irq = irq
        self._backend = backend
        self._received: deque[int] = deque()
        self._readers: tuple[Callable[[], int], ...] = (
            self._read_data, self._read_ier, self._read_iir, lambda: self.lcr,
            lambda: self.mcr, self._read_lsr, self._read_msr, lambda: self.scratch,
        )  # fmt: skip
        self._writers: tuple[Callable[[int], None], ...] = (
            self._write_data, self._write_ier, self._write_fcr, self._write_lcr,
            self._write_mcr, self._ignore, self._ignore, self._write_scratch,
        )  # fmt: skip
        self.reset()
        backend.connect(self)

    def reset(self) -> None:
        """Master reset (table I): 8-byte values as the datasheet has them, 9600 baud in the divisor."""
        self.divisor = 12
        self.ier = self.lcr = self.mcr = self.scratch = 0
        self._fifos = False
        self._trigger = 1
        self._lsr_errors = 0
        self._msr_deltas = 0
        self._lines = _CONNECTED
        self._empty_pending = False
        self._received.clear()
        self._update()

    def port_read(self, offset: int, size: int) -> int:
        return self._readers[offset]()

    def port_write(self, offset: int, size: int, value: int) -> None:
        self._writers[offset](value)

    # -- interrupts ----------------------------------------------------------------------------------------

    def _identify(self) -> int:
        """The most urgent enabled cause (table III)."""
        if self.ier & IER_LINE and self._lsr_errors:
            return IIR_LINE
        if self.ier & IER_RECEIVED and self._received:
            # Below the trigger level the time-out comes at once: nothing more is under way.
            return IIR_RECEIVED if len(self._received) >= self._trigger else IIR_TIMEOUT
        if self.ier & IER_EMPTY and self._empty_pending:
            return IIR_EMPTY
        if self.ier & IER_MODEM and self._msr_deltas:
            return IIR_MODEM
        return IIR_NONE

    def _update(self) -> None:
        self._irq.set(self._identify() != IIR_NONE)

    # -- receiving -----------------------------------------------------------------------------------------

    def room(self) -> int:
        """How many bytes the receiver takes now; none while it is looped back."""
        if self.mcr & MCR_LOOP:
            return 0
        return (_DEPTH if self._fifos else 1) - len(self._received)

    def receive(self, data: bytes) -> None:
        """Bytes from the backend, at most `room()` of them."""
        self._received.extend(data)
        self._update()

    def _read_data(self) -> int:
        if self.lcr & LCR_DLAB:
            return self.divisor & 0xFF
        if not self._received:
            return 0
        value = self._received.popleft()
        if not self._received:
            self._update()
            self._backend.pump()
        self._update()
        return value

    def _loop_back(self, value: int) -> None:
        """In loopback what is sent is received, and a full receiver overruns (section 8.7)."""
        if len(self._received) < (_DEPTH if self._fifos else 1):
            self._received.append(value)
        else:
            self._lsr_errors |= LSR_OVERRUN
            if not self._fifos:
                self._received[0] = value

    # -- sending -------------------------------------------------------------------------------------------

    def _write_data(self, value: int) -> None:
        if self.lcr & LCR_DLAB:
            self.divisor = self.divisor & 0xFF00 | value
            return
        if self.ier & IER_EMPTY:
            self._empty_pending = False  # the holding register is full for no time at all, but the wire falls
            self._update()
        if self.mcr & MCR_LOOP:
            self._loop_back(value)
        else:
            self._backend.write(_BYTES[value])
        self._empty_pending = True
        if self.ier:
            self._update()

    # -- the other registers -------------------------------------------------------------------------------

    def _read_ier(self) -> int:
        return self.divisor >> 8 if self.lcr & LCR_DLAB else self.ier

    def _write_ier(self, value: int) -> None:
        if self.lcr & LCR_DLAB:
            self.divisor = self.divisor & 0x00FF | value << 8
            return
        if value & ~self.ier & IER_EMPTY:
            self._empty_pending = True
        self.ier = value & 0x0F
        self._update()

    def _read_iir(self) -> int:
        cause = self._identify()
        if cause == IIR_EMPTY:
            self._empty_pending = False
            self._update()
        return cause | IIR_FIFOS if self._fifos else cause

    def _write_fcr(self, value: int) -> None:
        fifos = bool(value & FCR_ENABLE)
        if fifos != self._fifos or value & FCR_CLEAR_RECEIVER:
            self._received.clear()
        self._fifos = fifos
        self._trigger = _TRIGGERS[value >> 6] if fifos else 1
        self._backend.pump()
        self._update()

    def _write_lcr(self, value: int) -> None:
        self.lcr = value

    def _write_mcr(self, value: int) -> None:
        self.mcr = value & 0x1F
        self._set_modem_lines(self._looped_lines() if value & MCR_LOOP else _CONNECTED)
        self._backend.pump()
        self._update()

    def _looped_lines(self) -> int:
        """In loopback the outputs are wired to the inputs (section 8.7)."""
        pairs = ((MCR_RTS, MSR_CTS), (MCR_DTR, MSR_DSR), (MCR_OUT1, MSR_RI), (MCR_OUT2, MSR_DCD))
        return sum(line for output, line in pairs if self.mcr & output)

    def _set_modem_lines(self, lines: int) -> None:
        changed, self._lines = lines ^ self._lines, lines
        self._msr_deltas |= (changed & _CONNECTED) >> 4
        if changed & MSR_RI and not lines & MSR_RI:
            self._msr_deltas |= MSR_RI_ENDED

    def _read_lsr(self) -> int:
        value = LSR_EMPTY | self._lsr_errors | (LSR_READY if self._received else 0)
        if self._lsr_errors:
            self._lsr_errors = 0
            self._update()
        return value

    def _read_msr(self) -> int:
        value = self._lines | self._msr_deltas
        self._msr_deltas = 0
        self._update()
        return value

    def _write_scratch(self, value: int) -> None:
        self.scratch = value

    def _ignore(self, value: int) -> None:
        """Line and modem status are read-only in use (section 8.4: writes are for factory testing)."""
