# SPDX-License-Identifier: GPL-2.0-or-later
"""Multiboot 1 (Multiboot Specification 0.6.96): ELF kernels and kernels with address fields, with modules.

The information structure and what it points to go into low memory, modules page-aligned behind the kernel;
both are placed after the kernel is, where nothing else lies. A kernel that asks for a video mode gets an
honest answer: the specification (3.1.4) lets a loader set text mode whatever was asked for, and the
framebuffer fields say 80x25 text.
"""

import struct

from patcher.image.multiboot import (
    VIDEO_MODE,
    MultibootHeader,
    find_header,
    header_offset,
    read_address_fields,
)
from vmm.boot import layout
from vmm.boot.descriptors import place_gdt, place_stack
from vmm.boot.elf import load_elf
from vmm.boot.files import read_modules
from vmm.boot.memory_map import high_kib, low_kib, memory_map
from vmm.boot.placement import Placement
from vmm.boot.protocol import Protocol, place_image
from vmm.boot.state import BootOptions, BootState, Module
from vmm.errors import BootError

BOOTLOADER_MAGIC = 0x2BADB002
LOADER_NAME = "patchvisor"
CODE, DATA = 0x08, 0x10
MUST_UNDERSTAND = 0xFFFF
"""Header flags that a loader has to know before it may boot the kernel (3.1.2)."""
KNOWN = 0b111
PAGE = 4096

MEMORY, COMMAND_LINE, MODULES, MEMORY_MAP, LOADER, FRAMEBUFFER = (1 << bit for bit in (0, 2, 3, 6, 9, 12))
EGA_TEXT = 2


def _load(kernel: bytes, name: str, place: Placement, options: BootOptions) -> BootState:
    header = find_header(kernel, name)
    if header is None:
        raise BootError(f"{name} has no Multiboot header.")
    if unknown := header.flags & MUST_UNDERSTAND & ~KNOWN:
        raise BootError(
            f"The Multiboot header of {name} demands features {unknown:#06x}, which are not defined."
        )
    entry = _place_kernel(kernel, header, name, place)
    info = _place_info(header, name, place, options)
    gdtr = place_gdt(place, CODE, DATA)
    regs = (BOOTLOADER_MAGIC, 0, 0, info, place_stack(place), 0, 0, 0)
    return BootState("multiboot", entry, regs, CODE, DATA, gdtr)


def _place_kernel(kernel: bytes, header: MultibootHeader, name: str, place: Placement) -> int:
    if not header.has_addresses:
        return load_elf(kernel, name, place).load_entry
    image = read_address_fields(kernel, header, name)
    place_image(image, place)
    return image.load_entry


def _text(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape") + b"\0"


def _place_info(header: MultibootHeader, name: str, place: Placement, options: BootOptions) -> int:
    """The information structure (3.3) and all that it points to."""
    command = place.store(_text(f"{name} {options.append}".rstrip()), "the command line")
    modules = _place_modules(name, place, options)
    ranges = memory_map(place.size)
    entries = b"".join(struct.pack("<IQQI", 20, r.start, r.end - r.start, r.kind) for r in ranges)
    mmap = place.store(entries, "the memory map")
    loader = place.store(_text(LOADER_NAME), "the boot loader's name")
    flags = MEMORY | COMMAND_LINE | MODULES | MEMORY_MAP | LOADER
    screen = _framebuffer() if header.flags & VIDEO_MODE else b""
    info = struct.pack(
        "<12I", flags | (FRAMEBUFFER if screen else 0), low_kib(), high_kib(place.size), 0, command, *modules,
        0, 0, 0, 0, len(entries),
    )  # fmt: skip
    info += struct.pack("<5I", mmap, 0, 0, 0, loader)
    return place.store(info.ljust(88, b"\0") + screen, "the Multiboot information")


def _framebuffer() -> bytes:
    """Bytes 88 to 109: address, pitch, width, height, bits a cell, kind of framebuffer."""
    pitch = 2 * layout.COLUMNS
    return struct.pack("<QIIIBB", layout.VGA_TEXT, pitch, layout.COLUMNS, layout.ROWS, 16, EGA_TEXT)


def _place_modules(name: str, place: Placement, options: BootOptions) -> tuple[int, int]:
    """Modules behind the kernel, their table in low memory; gives mods_count and mods_addr."""
    modules = (*options.modules, *read_modules(options.initrd, place.size))
    room = sum(-(-len(module.data) // PAGE) * PAGE for module in modules)
    behind = place.end if place.end + PAGE + room <= place.size else layout.EXTENDED_MEMORY
    window = (behind, place.size)
    rows = b"".join(_place_module(module, index, name, place, window) for index, module in enumerate(modules))
    return len(modules), place.store(rows, "the module table") if rows else 0


def _place_module(module: Module, index: int, name: str, place: Placement, window: tuple[int, int]) -> bytes:
    owner = f"module {index} ({module.text}) of {name}" if module.text else f"module {index} of {name}"
    start = place.lowest(len(module.data), owner, PAGE, window)
    place.ram[start : start + len(module.data)] = module.data
    text = place.store(_text(module.text), f"the text of {owner}")
    return struct.pack("<4I", start, start + len(module.data), text, 0)


PROTOCOL = Protocol("multiboot", 20, lambda kernel, options: header_offset(kernel) is not None, _load)
