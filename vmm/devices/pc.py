# SPDX-License-Identifier: GPL-2.0-or-later
"""The standard ISA PC: makes the parts, wires their lines and puts them on the bus where `layout` says.

This is the only place where one device meets another.
"""

from collections.abc import Callable
from dataclasses import dataclass

from vmm.bus import PortBus, PortDevice
from vmm.chardev.backend import CharBackend
from vmm.chardev.null import NullBackend
from vmm.clock import Clock, Timers
from vmm.devices import firmware_state, layout
from vmm.devices.cmos import Cmos
from vmm.devices.cmos_memory import firmware_bytes
from vmm.devices.debug_exit import DebugExit, DebugExitPort
from vmm.devices.debugcon import DebugConsole
from vmm.devices.delay_port import DelayPort
from vmm.devices.dma8237 import Dma8237, DmaPages
from vmm.devices.fpu_error import FpuError
from vmm.devices.i8042 import I8042
from vmm.devices.keyboard import Keyboard
from vmm.devices.layout import Irq, Part
from vmm.devices.pci_config import PciConfig
from vmm.devices.pic import PicPair
from vmm.devices.pit import Pit8254
from vmm.devices.port61 import Port61
from vmm.devices.port92 import Port92
from vmm.devices.typist import Typist
from vmm.devices.uart16550 import Uart16550
from vmm.devices.vga_text import VgaText

#: 2000-01-01 00:00:00 UTC, where counted runs begin
DEFAULT_EPOCH = 946_684_800


@dataclass(frozen=True, slots=True)
class PcOptions:
    """What can be chosen: `epoch` is the calendar time (seconds since 1970, UTC) at virtual time 0."""

    epoch: int = DEFAULT_EPOCH
    debug_exits: tuple[DebugExitPort, ...] = ()


@dataclass(frozen=True, slots=True)
class PcSignals:
    """What the devices ask of the machine; each is called during a port access and only notes the wish."""

    on_exit: Callable[[int], None]
    on_reset: Callable[[], None]
    on_a20: Callable[[bool], None] = lambda is_open: None


class A20Gate:
    """Address line 20 is open when either the keyboard controller or port 92 opens it."""

    def __init__(self, listener: Callable[[bool], None]) -> None:
        self._listener = listener
        self._sources = [True, True]
        self.is_open = True

    def set(self, source: int, level: bool) -> None:
        """One of the two sources drives its half."""
        self._sources[source] = level
        if any(self._sources) != self.is_open:
            self.is_open = not self.is_open
            self._listener(self.is_open)


class Pc:
    """The devices of one machine, wired. `ram` is the whole guest memory buffer, from guest-physical 0 on."""

    def __init__(
        self,
        ram: memoryview,
        clock: Clock,
        timers: Timers,
        signals: PcSignals,
        options: PcOptions = PcOptions(),
        *,
        serial: tuple[CharBackend, ...] = (),
        debugcon: CharBackend | None = None,
    ) -> None:
        self.bus = PortBus()
        self.pics = PicPair()
        self.a20 = A20Gate(signals.on_a20)
        line = self.pics.line
        self.pit = Pit8254(clock, timers, line(Irq.TIMER))
        self.cmos = Cmos(clock, timers, line(Irq.RTC), options.epoch, firmware_bytes(len(ram)))
        self.keyboard = Keyboard()
        self.typist = Typist(self.keyboard, timers)
        self.vga = VgaText(ram[layout.VGA_TEXT_BASE : layout.VGA_TEXT_BASE + layout.VGA_TEXT_SIZE])
        self.fpu_error = FpuError(line(Irq.FPU))
        self.uarts = tuple(
            Uart16550(line(irq), backend)
            for irq, backend in zip((Irq.SERIAL_1, Irq.SERIAL_2), serial, strict=False)
        )
        self.dma_pages = DmaPages()
        self._debugcon = debugcon or NullBackend()
        self._signals = signals
        self._attach(options)
        self._hand_over()

    def _parts(self) -> dict[Part, PortDevice]:
        """Every part that has ports, the small ones made here."""
        a20, on_reset, pit = self.a20, self._signals.on_reset, self.pit
        line = self.pics.line
        parts: dict[Part, PortDevice] = {
            Part.DMA_1: Dma8237("dma 1", stride=1),
            Part.PIC_MASTER: self.pics.master,
            Part.PIT: pit,
            Part.PORT_61: Port61(lambda level: pit.set_gate(2, level), lambda: pit.output(2), pit.ticks),
            Part.I8042: I8042(
                self.keyboard, line(Irq.KEYBOARD), line(Irq.AUX), lambda on: a20.set(0, on), on_reset
            ),
            Part.CMOS: self.cmos,
            Part.DMA_PAGES: self.dma_pages,
            Part.PORT_92: Port92(lambda on: a20.set(1, on), on_reset),
            Part.PIC_SLAVE: self.pics.slave,
            Part.DMA_2: Dma8237("dma 2", stride=2),
            Part.DEBUGCON: DebugConsole(self._debugcon),
            Part.DELAY: DelayPort(),
            Part.FPU_ERROR: self.fpu_error,
            Part.VGA: self.vga,
            Part.ELCR: self.pics.elcr,
            Part.PCI_CONFIG: PciConfig(),
        }
        return parts | dict(zip((Part.SERIAL_1, Part.SERIAL_2), self.uarts, strict=False))

    def _attach(self, options: PcOptions) -> None:
        parts = self._parts()
        for row in layout.PORTS:
            if device := parts.get(row.part):
                self.bus.attach(row.base, row.count, device, row.offset, width=row.width)
        for port in options.debug_exits:
            self.bus.attach(port.iobase, port.iosize, DebugExit(self._signals.on_exit), width=4)
        self.devices = (*parts.values(),)

    def reset(self) -> None:
        """Reset button: every device, then what firmware does before it hands over."""
        for device in self.devices:
            device.reset()
        self._hand_over()

    def _hand_over(self) -> None:
        self.a20.set(0, True)
        self.a20.set(1, True)
        firmware_state.prepare_pit(self.pit)
        for uart in self.uarts:
            firmware_state.prepare_uart(uart)
        firmware_state.prepare_pics(self.pics)  # last: it forgets the edges that the others made
