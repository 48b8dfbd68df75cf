# SPDX-License-Identifier: GPL-2.0-or-later
"""GRUB's core image for BIOS machines: a first sector that loads it, a decompressor, the packed core.

GRUB 2, grub-core/boot/i386/pc/diskboot.S and startup_raw.S, grub-core/kern/i386/pc/startup.S, util/mkimage.c,
include/grub/offsets.h. The core is a raw LZMA stream; unpacked it is GRUB's kernel, linked at 0x9000, and its
modules, which are ELF objects.
"""

import lzma
import re
import struct
from collections.abc import Iterator
from dataclasses import replace

from patcher.binary.elf_file import read_file
from patcher.binary.model import Binary, Entry, Origin, Privilege, Reader, Section
from patcher.binary.part import Part
from patcher.errors import PatcherError

SECTOR = 512
DISKBOOT, STARTUP, KERNEL = 0x8000, 0x8200, 0x9000
"""Where the three parts run."""
BLOCK_LIST = 0x1F4
"""Offset in the first sector of the last row of its block list, which grows downwards."""
DISKBOOT_START = b"\x52\x56\xbe"
"""push dx; push si; mov si, imm16."""
UNPACKED_SIZE = 12
"""Offset in the startup code of the size of the unpacked core (GRUB_DECOMPRESSOR_I386_PC_UNCOMPRESSED_SIZE)."""
MAX_STARTUP = 9216
LIMIT = 8
"""The core takes at most so many times the packed size."""
TRIES = 4
"""Streams are tried until this many times the core's size has been unpacked."""
FILTERS = ({"id": lzma.FILTER_LZMA1, "lc": 3, "lp": 0, "pb": 2, "dict_size": 1 << 16},)
MODULES = struct.Struct("<4s2I")
MODULE_INFO = b"mimg"
ELF_MODULE = 0
START_OF_MAIN = re.compile(rb"\xfc\xf3\xaa\x89\x15.{4}\xe8(.{4})", re.DOTALL)
"""cld; rep stosb; mov %edx, grub_boot_device; call grub_main."""
CONTINUES = b"\xff\xe6"
"""jmp *%esi, behind mov $imm32, %esi: the kernel has copied itself to where it is linked."""


def is_startup(data: bytes | memoryview) -> bool:
    """ljmp $0, $0x82xx, with which the startup code begins."""
    head = bytes(data[:5])
    return len(data) >= 0x20 and head[:1] == b"\xea" and head[2:] == b"\x82\0\0"


def is_core(data: bytes | memoryview) -> bool:
    """The first sector alone, with or without what it loads."""
    if is_startup(data):
        return True
    alone = len(data) == SECTOR and bytes(data[-2:]) == b"\x20\x08"
    return bytes(data[:3]) == DISKBOOT_START and (alone or is_startup(data[SECTOR : SECTOR + 0x20]))


def core_parts(part: Part, prefix: str = "") -> Iterator[Binary]:
    """The programs in a core image: what loads and unpacks it, the kernel, the modules."""
    at = 0 if is_startup(part.data) else SECTOR
    loader = [_section("diskboot", part.data[:BLOCK_LIST], DISKBOOT, part.place(0))] if at else []
    if at >= len(part):
        yield _program(f"{prefix}loader", loader, 16)
        return
    stream, core = _unpack(part.data[at:])
    loader.append(_section("startup", part.data[at : at + stream], STARTUP, part.place(at)))
    found = _program(f"{prefix}loader", loader, 16)
    yield found if core else replace(found, notes=("Its packed core could not be found.",))
    if core:
        yield from _core(memoryview(core), prefix, part.name)


def _section(name: str, data: memoryview, base: int, offset: int | None, mode: int = 16) -> Section:
    return Section(name, base, data, len(data), True, True, mode, offset)


def _program(name: str, sections: list[Section], mode: int) -> Binary:
    """A program that is entered at the start of each of its sections."""
    entries = tuple(Entry(section.address, mode, Origin.PROTOCOL, section.name) for section in sections)
    return Binary(name, "grub", mode, Privilege.FIRMWARE, tuple(sections), entries)


def _unpack(data: memoryview) -> tuple[int, bytes]:
    """Where the packed core begins, and the core; where no stream of that size is, all is startup code."""
    size = int.from_bytes(data[UNPACKED_SIZE : UNPACKED_SIZE + 4], "little")
    if 0 < size <= LIMIT * len(data):
        room = TRIES * size
        for at in range(0x20, min(MAX_STARTUP, len(data)), 16):
            if not data[at] and room > 0:  # every LZMA stream begins with a zero
                core = _lzma(data[at:], size)
                room -= len(core)
                if len(core) == size:
                    return at, core
    return min(MAX_STARTUP, len(data)), b""


def _lzma(data: memoryview, size: int) -> bytes:
    """At most `size` bytes unpacked, none when this is no stream."""
    unpacker = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=FILTERS)
    try:
        return unpacker.decompress(data, size)
    except (lzma.LZMAError, EOFError):
        return b""


def _core(core: memoryview, prefix: str, name: str) -> Iterator[Binary]:
    """GRUB's kernel, then its modules."""
    raw = bytes(core)
    end = _modules_start(raw)
    kernel = core if end < 0 else core[:end]
    found = _program(f"{prefix}kernel", [_section("kernel", kernel, KERNEL, None, 32)], 32)
    again = raw.find(CONTINUES, 0, 0x100)
    if again >= 4:
        address = int.from_bytes(raw[again - 4 : again], "little")
        if KERNEL <= address < KERNEL + len(kernel):
            main = tuple(at for at in _main(raw) if address < at < KERNEL + len(kernel))
            entries = [*found.entries, Entry(address, 32, Origin.PROTOCOL, "copied kernel")]
            entries += (Entry(at, 32, Origin.PROTOCOL, "grub_main") for at in main)
            found = replace(found, entries=tuple(entries), returns_never=main)
    yield found
    if end >= 0:
        yield from _modules(core[end:], prefix, name)


def _main(kernel: bytes) -> Iterator[int]:
    """Address of grub_main, which the copied kernel calls for good; data follows the call."""
    call = START_OF_MAIN.search(kernel, 0, 0x100)
    if call:
        yield KERNEL + call.end() + int.from_bytes(call[1], "little", signed=True)


def _modules_start(core: bytes) -> int:
    """Where the modules' header is: the kernel has its magic number in its code too. -1 without modules."""
    at = core.find(MODULE_INFO)
    while at >= 0:
        if at + MODULES.size <= len(core):
            _, first, size = MODULES.unpack_from(core, at)
            if MODULES.size <= first < size <= len(core) - at:
                break
        at = core.find(MODULE_INFO, at + 1)
    return at


def _modules(data: memoryview, prefix: str, name: str) -> Iterator[Binary]:
    """ELF modules behind the kernel; what else is stored there (a configuration, a key) is no code."""
    from patcher import binary  # the registry, which imports this module

    _, at, size = MODULES.unpack_from(data)
    number = 0
    while at + 8 <= min(size, len(data)):
        kind, length = struct.unpack_from("<2I", data, at)
        body = bytes(data[at + 8 : at + length])
        if length < 8:
            return
        if kind == ELF_MODULE and body[:4] == b"\x7fELF":
            number += 1
            label = prefix + _module_name(body, number)
            for found in binary.read(body, f"module {number} of {name}"):
                sections = tuple(replace(section, file_offset=None) for section in found.sections)
                yield replace(found, name=label, privilege=Privilege.FIRMWARE, sections=sections)
        at += length


def _module_name(data: bytes, number: int) -> str:
    """What the module's section .modname says."""
    try:
        elf = read_file(data, "module")
    except PatcherError:
        return f"module {number}"
    named = (bytes(elf.contents(row)) for row in elf.sections if row.name == ".modname")
    text = next(named, b"").rstrip(b"\0").decode("ascii", "replace")[:64]
    return f"module {text or number}"


def read_core(data: bytes, name: str) -> tuple[Binary, ...]:
    """The programs in a file that is a core image, or the first part of one."""
    return tuple(core_parts(Part(memoryview(data), name)))


READER = Reader("grub", rank=15, matches=is_core, read=read_core)
