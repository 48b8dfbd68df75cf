# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel proper as its decompressor leaves it: vmlinux without symbols, and its relocations behind it.

Linux, arch/x86/boot/compressed/misc.c (handle_relocations) and arch/x86/tools/relocs.c: behind the ELF file stand
lists of addresses whose words move with the kernel, each list in front of the other with a zero before it.
"""

import struct
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import replace

from patcher.binary.address_space import AddressSpace
from patcher.binary.elf import read_program
from patcher.binary.gathering import Gathering
from patcher.binary.kallsyms import read_kallsyms
from patcher.binary.linux_search import find_fentry, find_jump_table
from patcher.binary.linux_tables import read_tables
from patcher.binary.model import Binary, Origin, Privilege, Section
from patcher.image.elf import MAGIC, read_header

RAW_BASE = {32: 0xC000_0000, 64: 0xFFFF_FFFF_8000_0000}
"""Where the physical address 0 is mapped, for a kernel that comes without an ELF header (before 2.6.30)."""


def read_payload(data: bytes, name: str, mode: int, load: int) -> Binary:
    """What was unpacked from a bzImage whose kernel runs in `mode` and is loaded at the physical address `load`."""
    if not data.startswith(MAGIC):
        return _raw(data, name, mode, load)
    into = read_program(data, name)
    into.format, into.privilege = "linux", Privilege.KERNEL
    end = _elf_end(data, name)
    lists = list(_relocations(data[end:], into.mode))
    if any(places for _, places in lists):
        into.guesses.clear()
        into.relocated = True
    for bits, places in lists:
        _relocate(places, bits, into)
    if not into.symbols and read_kallsyms(into):
        space = AddressSpace(into.sections)
        read_tables(into, space)
        find_fentry(into, space)
        if "__start___jump_table" not in into.marks:
            find_jump_table(into, space)
    into.sections = [replace(section, file_offset=None) for section in into.sections]
    return into.binary("payload", name)


def _raw(data: bytes, name: str, mode: int, load: int) -> Binary:
    start = RAW_BASE[mode] + load
    view = memoryview(data)
    into = Gathering(
        "linux", mode, Privilege.KERNEL, [Section("kernel", start, view, len(view), True, True, mode, None)]
    )
    into.enter(start, Origin.PROTOCOL)
    return into.binary("payload", name)


def _elf_end(data: bytes, name: str) -> int:
    """Where the ELF file ends: objcopy puts its section headers last."""
    header = read_header(data, name)
    return header.shoff + header.shnum * header.shentsize if header.shoff else len(data)


def _relocations(tail: bytes, mode: int) -> Iterator[tuple[int, list[int]]]:
    """Width of the words, and their sorted addresses, of each list: 32-bit words; for 64 bits, two lists more."""
    words = list(struct.unpack_from(f"<{len(tail) // 4}i", tail, len(tail) % 4))
    mask = (1 << mode) - 1
    for bits in (32, 32, 64) if mode == 64 else (32,):
        places = []
        while words and (word := words.pop()):
            places.append(word & mask)
        yield bits, sorted(places)
    # A kernel without the list of inverse relocations (from 6.15 on) leaves the last one empty: nothing is lost,
    # since the list of 64-bit words was then read as 32-bit ones and gives the same places.


def _relocate(places: list[int], bits: int, into: Gathering) -> None:
    """What the words at `places` point to is an address; where they lie in code, no opcode does."""
    sign = into.mode - bits
    form = struct.Struct("<I" if bits == 32 else "<Q")
    for section in into.sections:
        start = section.address
        last = start + len(section.data) - form.size
        inside = places[bisect_left(places, start) : bisect_left(places, last + 1)]
        values = [form.unpack_from(section.data, place - start)[0] for place in inside]
        if sign:
            values = [value | 0xFFFF_FFFF_0000_0000 for value in values]
        into.pointers.update(values)
        if section.executable:
            into.fields += inside
