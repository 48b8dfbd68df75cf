# SPDX-License-Identifier: GPL-2.0-or-later
"""What a BIOS would have left in memory: its data area and a cleared screen, and nothing else.

Kernels read these bytes although no BIOS ran: ports, memory size, EBDA segment, video mode. Field offsets as
in IBM's Personal System/2 BIOS Interface Technical Reference, "BIOS Data Area".
"""

from vmm.boot import layout
from vmm.boot.memory_map import low_kib

COM1 = 0x3F8
CRTC = 0x3D4
EQUIPMENT = 1 << 9 | 2 << 4 | 1 << 1
"""One serial port, an 80x25 colour screen, a coprocessor; no diskette drives, no printers."""

#: offset in segment 40h, size in bytes, value
FIELDS = (
    (0x00, 2, COM1),
    (0x0E, 2, layout.EXTENDED_BIOS_DATA[0] >> 4),
    (0x10, 2, EQUIPMENT),
    (0x13, 2, low_kib()),
    (0x1A, 2, 0x1E),  # keyboard buffer: next character to take
    (0x1C, 2, 0x1E),  # keyboard buffer: next free place; the same, so it is empty
    (0x49, 1, 3),  # video mode
    (0x4A, 2, layout.COLUMNS),
    (0x4C, 2, 0x1000),  # bytes a video page
    (0x60, 2, 0x0607),  # cursor: scan lines 6 and 7
    (0x63, 2, CRTC),
    (0x65, 1, 0x29),  # mode register: 80 columns, text, blinking
    (0x66, 1, 0x30),  # colour register
    (0x7C, 1, 1),  # COM1 time-out, seconds
    (0x80, 2, 0x1E),  # keyboard buffer: start
    (0x82, 2, 0x3E),  # keyboard buffer: end
    (0x84, 1, layout.ROWS - 1),
    (0x85, 2, 16),  # scan lines a character
    (0x87, 1, 0x60),  # 256 KiB of video memory
    (0x88, 1, 0xF9),  # video switches: VGA, colour
    (0x89, 1, 0x11),  # VGA is active, 400 scan lines
    (0x96, 1, 0x10),  # a 101-key keyboard
)


def write_bios_data(ram: memoryview) -> None:
    """Fill the BIOS data area, the extended one and the screen."""
    start, end = layout.BIOS_DATA
    ram[0:end] = bytes(end)
    for offset, size, value in FIELDS:
        ram[start + offset : start + offset + size] = value.to_bytes(size, "little")
    first, last = layout.EXTENDED_BIOS_DATA
    ram[first:last] = ((last - first) // layout.KIB).to_bytes(1, "little").ljust(last - first, b"\0")
    cells = layout.COLUMNS * layout.ROWS
    ram[layout.VGA_TEXT : layout.VGA_TEXT + 2 * cells] = layout.BLANK * cells
    ram[slice(*layout.SYSTEM_BIOS)] = bytes(layout.SYSTEM_BIOS[1] - layout.SYSTEM_BIOS[0])
