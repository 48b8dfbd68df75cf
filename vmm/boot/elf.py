# SPDX-License-Identifier: GPL-2.0-or-later
"""Plain ELF kernels: segments at their physical addresses, entered flat, with nothing in the registers."""

from patcher.image import Image
from patcher.image.elf import MAGIC, read_elf
from vmm.boot.descriptors import place_gdt, place_stack
from vmm.boot.placement import Placement
from vmm.boot.protocol import Protocol, place_image
from vmm.boot.state import BootOptions, BootState
from vmm.errors import BootError

CODE, DATA = 0x08, 0x10


def load_elf(kernel: bytes, name: str, place: Placement) -> Image:
    """Read and place an ELF file that a 32-bit processor can enter; its `load_entry` is where."""
    image = read_elf(kernel, name, symbols=False)
    if image.mode != 32:
        raise BootError(f"{name} is an ELF file for x86-64; only 32-bit kernels can be booted.")
    if image.segment_at(image.entry) is None:
        raise BootError(f"The entry point {image.entry:#010x} of {name} is outside everything that it loads.")
    place_image(image, place)
    return image


def _load(kernel: bytes, name: str, place: Placement, options: BootOptions) -> BootState:
    refuse_initrd(name, "plain ELF", options)
    image = load_elf(kernel, name, place)
    gdtr = place_gdt(place, CODE, DATA)
    regs = (0, 0, 0, 0, place_stack(place), 0, 0, 0)
    return BootState("elf", image.load_entry, regs, CODE, DATA, gdtr)


def refuse_initrd(name: str, protocol: str, options: BootOptions) -> None:
    """A protocol that has no place for these must not drop them in silence."""
    for given, what in (
        (options.append, "command line"),
        (options.initrd, "initial RAM disk"),
        (options.modules, "modules"),
    ):
        if given:
            raise BootError(f"{name} is booted as {protocol}, which knows no {what}.")


PROTOCOL = Protocol("elf", 30, lambda kernel, options: kernel.startswith(MAGIC), _load)
