# SPDX-License-Identifier: GPL-2.0-or-later
"""Where everything is on the ISA bus of this machine: the only file with port numbers and interrupt numbers.

IBM PC/AT technical reference, "System Board I/O address map"; debug devices where QEMU and Bochs have them.
"""

from dataclasses import dataclass
from enum import Enum, IntEnum


class Irq(IntEnum):
    """The interrupt lines that have a device on them."""

    TIMER = 0
    KEYBOARD = 1
    SERIAL_2 = 3
    SERIAL_1 = 4
    RTC = 8
    AUX = 12
    FPU = 13


class Part(Enum):
    """The parts of the machine that have ports, by the name that the table below uses."""

    DMA_1 = "dma 1"
    PIC_MASTER = "pic master"
    PIT = "pit"
    PORT_61 = "port 61"
    I8042 = "i8042"
    CMOS = "cmos"
    DMA_PAGES = "dma pages"
    PORT_92 = "port 92"
    PIC_SLAVE = "pic slave"
    DMA_2 = "dma 2"
    DEBUGCON = "debugcon"
    DELAY = "delay"
    FPU_ERROR = "fpu error latch"
    SERIAL_2 = "serial 2"
    VGA = "vga"
    SERIAL_1 = "serial 1"
    ELCR = "elcr"
    PCI_CONFIG = "pci config"


@dataclass(frozen=True, slots=True)
class PortRow:
    """`count` ports from `base` on belong to `part`, which sees them from `offset` on; `width` in bytes."""

    base: int
    count: int
    part: Part
    offset: int = 0
    width: int = 1


#: The port table, by port. isa-debug-exit is not in it: its ports are options.
PORTS = (
    PortRow(0x000, 16, Part.DMA_1),
    PortRow(0x020, 2, Part.PIC_MASTER),
    PortRow(0x040, 4, Part.PIT),
    PortRow(0x060, 1, Part.I8042, 0),
    PortRow(0x061, 1, Part.PORT_61),
    PortRow(0x064, 1, Part.I8042, 1),
    PortRow(0x070, 2, Part.CMOS),
    PortRow(0x080, 16, Part.DMA_PAGES),
    PortRow(0x092, 1, Part.PORT_92),
    PortRow(0x0A0, 2, Part.PIC_SLAVE),
    PortRow(0x0C0, 32, Part.DMA_2),
    PortRow(0x0E9, 1, Part.DEBUGCON),
    PortRow(0x0ED, 1, Part.DELAY),
    PortRow(0x0F0, 2, Part.FPU_ERROR),
    PortRow(0x2F8, 8, Part.SERIAL_2),
    PortRow(0x3B0, 48, Part.VGA),
    PortRow(0x3F8, 8, Part.SERIAL_1),
    PortRow(0x4D0, 2, Part.ELCR),
    PortRow(0xCF8, 8, Part.PCI_CONFIG, 0, width=4),
)

#: guest-physical address and size of the VGA's text memory; plain RAM in the memory buffer
VGA_TEXT_BASE, VGA_TEXT_SIZE = 0xB8000, 0x8000

#: vectors that a PC BIOS gives the two interrupt controllers, and the masks it leaves
BIOS_VECTORS = (0x08, 0x70)
BIOS_MASKS = (0xB8, 0x8E)
