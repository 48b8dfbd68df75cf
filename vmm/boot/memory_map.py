# SPDX-License-Identifier: GPL-2.0-or-later
"""The memory map that every protocol tells the guest, in the form of BIOS call 15h, function E820h.

There are no ACPI ranges because there is no ACPI.
"""

from dataclasses import dataclass

from vmm.boot import layout

USABLE, RESERVED = 1, 2


@dataclass(frozen=True, slots=True)
class MemoryRange:
    """Guest-physical bytes [start, end) of one kind."""

    start: int
    end: int
    kind: int


def memory_map(size: int) -> tuple[MemoryRange, ...]:
    """The map of a machine with `size` bytes of RAM, by ascending address."""
    return (
        MemoryRange(0, layout.EXTENDED_BIOS_DATA[0], USABLE),
        MemoryRange(*layout.EXTENDED_BIOS_DATA, RESERVED),
        MemoryRange(*layout.SYSTEM_BIOS, RESERVED),
        MemoryRange(layout.EXTENDED_MEMORY, size, USABLE),
    )


def low_kib() -> int:
    """KiB of usable RAM from 0 on, as 40:13 and Multiboot's mem_lower say."""
    return layout.EXTENDED_BIOS_DATA[0] // layout.KIB


def high_kib(size: int) -> int:
    """KiB of usable RAM from 1 MiB on."""
    return (size - layout.EXTENDED_MEMORY) // layout.KIB
