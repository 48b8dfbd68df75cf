# SPDX-License-Identifier: GPL-2.0-or-later
"""Every fixed guest-physical address of a booted machine, a sentence each; half-open ranges.

What a boot protocol places besides its kernel (descriptor table, information structures, command line,
modules, initial RAM disk, first stack) has no fixed place: `Placement` finds one that collides with nothing.
"""

from typing import Final

KIB: Final = 1 << 10
MIB: Final = 1 << 20

SMALLEST_RAM: Final = 2 * MIB
"""Below this there is nothing above the video and BIOS area to load a kernel into."""
LARGEST_RAM: Final = 0xE000_0000
"""Above this a PC has its devices (PCI, APIC, BIOS); RAM of ours never reaches there."""

INTERRUPT_VECTORS: Final = (0x0, 0x400)
"""The real-mode interrupt vector table: zero, since there is no BIOS whose vectors it could hold."""
BIOS_DATA: Final = (0x400, 0x500)
"""The BIOS data area, segment 40h, which kernels read for ports, memory size and the video mode."""
LOW_MEMORY: Final = (0x1000, 0x9_FC00)
"""Where information structures go, lowest address first; page 0 stays free, for guests unmap it."""
EXTENDED_BIOS_DATA: Final = (0x9_FC00, 0xA_0000)
"""The extended BIOS data area: the last KiB below 640 KiB, reserved in the memory map and named at 40:0E."""
VIDEO_AND_BIOS: Final = (0xA_0000, 0x10_0000)
"""Video memory, option ROMs and the BIOS of a PC; no kernel is loaded there."""
VGA_TEXT: Final = 0xB_8000
"""The 80x25 text screen: a character and an attribute byte a cell."""
SYSTEM_BIOS: Final = (0xF_0000, 0x10_0000)
"""The system BIOS: zero, with none of the signatures (RSDP, MP table, PCI, PnP) that promise something."""
EXTENDED_MEMORY: Final = 0x10_0000
"""1 MiB: where kernels are loaded and modules go behind them."""

COLUMNS: Final = 80
ROWS: Final = 25
BLANK: Final = b" \x07"
"""A screen cell as the BIOS leaves it: a space, grey on black."""

STACK_SIZE: Final = 4 * KIB
"""The stack a kernel starts on; every protocol tells kernels to bring their own."""
