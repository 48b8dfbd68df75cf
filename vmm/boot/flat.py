# SPDX-License-Identifier: GPL-2.0-or-later
"""Flat binaries: any file, at the address that the user gives, entered at its first byte in 32-bit mode."""

from patcher.image.flat import read_flat
from vmm.boot.descriptors import place_gdt, place_stack
from vmm.boot.elf import CODE, DATA, refuse_initrd
from vmm.boot.placement import Placement
from vmm.boot.protocol import Protocol, place_image
from vmm.boot.state import BootOptions, BootState


def _load(kernel: bytes, name: str, place: Placement, options: BootOptions) -> BootState:
    refuse_initrd(name, "a flat binary", options)
    image = read_flat(kernel, name, options.address or 0)
    place_image(image, place)
    gdtr = place_gdt(place, CODE, DATA)
    return BootState("flat", image.entry, (0, 0, 0, 0, place_stack(place), 0, 0, 0), CODE, DATA, gdtr)


PROTOCOL = Protocol("flat", 0, lambda kernel, options: options.address is not None, _load)
