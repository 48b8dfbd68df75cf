# SPDX-License-Identifier: GPL-2.0-or-later
"""What answers at the ports of a PC (IBM PC/AT technical reference, chipset data sheets, PCI Local Bus 3.0)."""

from bisect import bisect_right
from typing import Final

VMWARE_BACKDOOR: Final = 0x5658

_RANGES: Final = (
    (0x00, 0x10, "DMA controller"),
    (0x20, 0x22, "PIC"),
    (0x40, 0x44, "PIT"),
    (0x60, 0x61, "keyboard controller"),
    (0x61, 0x62, "speaker and PIT gate"),
    (0x64, 0x65, "keyboard controller"),
    (0x70, 0x72, "CMOS and RTC"),
    (0x80, 0x81, "POST code or delay"),
    (0x81, 0x90, "DMA pages"),
    (0x92, 0x93, "fast A20 and reset"),
    (0xA0, 0xA2, "second PIC"),
    (0xB2, 0xB4, "SMI command"),
    (0xC0, 0xE0, "second DMA controller"),
    (0xE9, 0xEA, "debug console"),
    (0xED, 0xEE, "delay"),
    (0xF0, 0xF2, "x87 error"),
    (0xF4, 0xF5, "debug exit"),
    (0x170, 0x178, "second ATA channel"),
    (0x1CE, 0x1D1, "VBE extensions"),
    (0x1F0, 0x1F8, "ATA channel"),
    (0x2F8, 0x300, "second UART"),
    (0x378, 0x37B, "parallel port"),
    (0x3B0, 0x3E0, "VGA"),
    (0x3F0, 0x3F6, "floppy controller"),
    (0x3F6, 0x3F7, "ATA control"),
    (0x3F8, 0x400, "UART"),
    (0x402, 0x403, "debug console"),
    (0x510, 0x51C, "firmware configuration"),
    (0xCF8, 0xD00, "PCI configuration"),
    (VMWARE_BACKDOOR, VMWARE_BACKDOOR + 2, "VMware's backdoor"),
)
_STARTS: Final = [start for start, _, _ in _RANGES]


def device_at(port: int) -> str:
    """The device that a PC has at a port; "" for none that is known."""
    index = bisect_right(_STARTS, port) - 1
    if index < 0:
        return ""
    _, end, name = _RANGES[index]
    return name if port < end else ""
