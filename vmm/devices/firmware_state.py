# SPDX-License-Identifier: GPL-2.0-or-later
"""What a PC BIOS leaves behind in the devices when it hands over to a boot loader.

Read from QEMU's `-M isapc` after SeaBIOS. It is done through the ports, as firmware does it. Devices whose
reset state is already the firmware's (keyboard controller, VGA, CMOS) need nothing.
"""

from vmm.devices import layout
from vmm.devices.pic import CASCADE_INPUT, Pic8259, PicPair
from vmm.devices.pit import Pit8254
from vmm.devices.pit_channel import Mode
from vmm.devices.uart16550 import MCR_OUT2, Uart16550

_REFRESH_COUNT = 18
_INITIALISE, _PC_MODE = 0x11, 0x01


def prepare_pics(pics: PicPair) -> None:
    """Vectors 08-0F and 70-77; timer, keyboard, cascade and clock unmasked."""
    wiring = (1 << CASCADE_INPUT, CASCADE_INPUT)
    parts = zip((pics.master, pics.slave), layout.BIOS_VECTORS, layout.BIOS_MASKS, wiring, strict=True)
    for pic, vectors, mask, cascade in parts:
        _initialise(pic, vectors, cascade)
        pic.port_write(1, 1, mask)


def _initialise(pic: Pic8259, vectors: int, cascade: int) -> None:
    pic.port_write(0, 1, _INITIALISE)
    for word in (vectors, cascade, _PC_MODE):
        pic.port_write(1, 1, word)


def prepare_pit(pit: Pit8254) -> None:
    """18.2 ticks a second on counter 0, memory refresh on counter 1."""
    pit.program(0, Mode.RATE, 0)
    pit.program(1, Mode.RATE, _REFRESH_COUNT)


def prepare_uart(uart: Uart16550) -> None:
    """Interrupt driver on (OUT2), nothing enabled."""
    uart.port_write(4, 1, MCR_OUT2)
