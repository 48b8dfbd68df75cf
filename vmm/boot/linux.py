# SPDX-License-Identifier: GPL-2.0-or-later
"""The Linux 32-bit boot protocol.

Linux, Documentation/arch/x86/boot.rst ("32-bit Boot Protocol") and zero-page.rst. The protected-mode part is
entered directly: no setup code runs, so what it would have asked the BIOS for (memory map, screen) is written
into boot_params here. No table of ACPI, SMBIOS or MP kind is promised.
"""

import struct

from patcher.image.linux_bzimage import FORMAT, HEADER, LOADED_HIGH, SetupHeader, read_setup
from vmm.boot import layout
from vmm.boot.descriptors import place_gdt, place_stack
from vmm.boot.files import read_file
from vmm.boot.memory_map import high_kib, memory_map
from vmm.boot.placement import Placement, size_text
from vmm.boot.protocol import Protocol
from vmm.boot.state import BootOptions, BootState
from vmm.errors import BootError

BOOT_CS, BOOT_DS = 0x10, 0x18
ZERO_PAGE_SIZE = 4096
UNKNOWN_LOADER = 0xFF
"""type_of_loader of a loader without an assigned number."""
EXT_MEM_MAX = 0xFFFF
"""ext_mem_k has 16 bits; alt_mem_k says the rest."""
PAGE = 4096

# Offsets in boot_params (zero-page.rst).
EXT_MEM_K, ALT_MEM_K, E820_ENTRIES, E820_TABLE = 0x002, 0x1E0, 0x1E8, 0x2D0
TYPE_OF_LOADER, LOADFLAGS, CODE32_START = 0x210, 0x211, 0x214
RAMDISK_IMAGE, RAMDISK_SIZE, CMD_LINE_PTR = 0x218, 0x21C, 0x228


def _load(kernel: bytes, name: str, place: Placement, options: BootOptions) -> BootState:
    setup = read_setup(kernel, name)
    if options.modules:
        raise BootError(f"{name} is booted as Linux, which knows no modules, only an initial RAM disk.")
    start = _place_kernel(kernel, setup, name, place)
    command = _place_command_line(setup, name, place, options.append)
    ramdisk = _place_initrd(setup, name, place, options.initrd)
    page = place.store(_boot_params(setup, start, command, ramdisk, place.size), "boot_params", align=PAGE)
    gdtr = place_gdt(place, BOOT_CS, BOOT_DS)
    regs = (0, 0, 0, 0, place_stack(place), 0, page, 0)
    return BootState("linux", start, regs, BOOT_CS, BOOT_DS, gdtr)


def _place_kernel(kernel: bytes, setup: SetupHeader, name: str, place: Placement) -> int:
    """The protected-mode part at code32_start, and the memory it unpacks itself into."""
    start = setup.code32_start
    place.put(
        start,
        memoryview(kernel)[setup.setup_size : setup.setup_size + setup.syssize],
        f"the kernel of {name}",
    )
    run = max(setup.pref_address, start) if setup.relocatable else setup.pref_address or start
    end = run + setup.init_size
    if end > place.size:
        raise BootError(
            f"{name} needs {-(-end // layout.MIB)} MiB of RAM to unpack itself, "
            f"and the guest has {size_text(place.size)}."
        )
    free = max(run, start + setup.syssize)
    place.claim(free, max(end - free, 0), f"the memory that {name} unpacks itself into")
    return start


def _place_command_line(setup: SetupHeader, name: str, place: Placement, text: str) -> int:
    line = text.encode("utf-8", "surrogateescape")
    if len(line) > setup.cmdline_size:
        raise BootError(f"The command line has {len(line)} bytes, and {name} takes {setup.cmdline_size}.")
    return place.store(line + b"\0", "the command line")


def _place_initrd(
    setup: SetupHeader, name: str, place: Placement, initrd: str | bytes | None
) -> tuple[int, int]:
    """As high as kernel and RAM allow, as loaders do; gives address and size, zero without one."""
    data = read_file(initrd, place.size) if isinstance(initrd, str) else initrd
    if not data:
        return 0, 0
    what = f"the initial RAM disk {initrd}" if isinstance(initrd, str) else "the initial RAM disk"
    window = (layout.EXTENDED_MEMORY, setup.initrd_addr_max + 1)
    start = place.highest(len(data), f"{what} of {name}", PAGE, window)
    place.ram[start : start + len(data)] = data
    return start, len(data)


def _boot_params(setup: SetupHeader, start: int, command: int, ramdisk: tuple[int, int], size: int) -> bytes:
    """The zero page: all zeroes but the setup header and what the setup code would have found out."""
    page = bytearray(ZERO_PAGE_SIZE)
    page[0 : len(SCREEN_INFO)] = SCREEN_INFO
    page[HEADER : HEADER + len(setup.raw)] = setup.raw
    page[TYPE_OF_LOADER] = UNKNOWN_LOADER
    page[LOADFLAGS] = LOADED_HIGH
    ranges = memory_map(size)
    page[E820_ENTRIES] = len(ranges)
    for offset, form, values in (
        (EXT_MEM_K, "<H", (min(high_kib(size), EXT_MEM_MAX),)),
        (ALT_MEM_K, "<I", (high_kib(size),)),
        (CODE32_START, "<I", (start,)),
        (RAMDISK_IMAGE, "<II", ramdisk),
        (CMD_LINE_PTR, "<I", (command,)),
        *((E820_TABLE + 20 * i, "<QQI", (r.start, r.end - r.start, r.kind)) for i, r in enumerate(ranges)),
    ):
        struct.pack_into(form, page, offset, *values)
    return bytes(page)


def _screen_info() -> bytes:
    """struct screen_info for VGA text mode 3, cursor at the top left; EXT_MEM_K shares its bytes 2 and 3."""
    info = bytearray(0x40)
    info[0x06] = 3  # orig_video_mode
    info[0x07] = layout.COLUMNS
    info[0x0A] = 3  # orig_video_ega_bx: 256 KiB, colour
    info[0x0E] = layout.ROWS
    info[0x0F] = 1  # orig_video_isVGA: VGA, text
    info[0x10] = 16  # orig_video_points: scan lines a character
    return bytes(info)


SCREEN_INFO = _screen_info()

PROTOCOL = Protocol("linux", 10, lambda kernel, options: FORMAT.matches(kernel), _load)
