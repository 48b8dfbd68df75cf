# SPDX-License-Identifier: GPL-2.0-or-later
"""ELF files of every kind: executables, shared and relocatable objects, kernel modules, kernels.

What each table of the file gives is read by a module of its own; this one says in which order, and what kind of
program it is. docs/audit-formats.md lists the tables.
"""

from patcher.binary import elf_linked, elf_object
from patcher.binary.address_space import AddressSpace
from patcher.binary.boot_protocols import enter_boot_protocols
from patcher.binary.eh_frame import frames_from_header, read_frames
from patcher.binary.elf_dynamic import enter_array, exports, read_dynamic, symbol_names
from patcher.binary.elf_file import (
    SHT_FINI_ARRAY,
    SHT_INIT_ARRAY,
    SHT_PREINIT_ARRAY,
    ElfFile,
    read_file,
)  # fmt: skip
from patcher.binary.elf_names import read_names
from patcher.binary.elf_plt import name_plt
from patcher.binary.elf_privilege import KERNEL_SECTIONS, is_syslinux_module, privilege_of
from patcher.binary.gathering import Gathering
from patcher.binary.go_functions import read_go_functions
from patcher.binary.guessed_pointers import guess_pointers
from patcher.binary.landing_pads import read_landing_pads
from patcher.binary.linux_tables import read_tables
from patcher.binary.model import Binary, Origin, Privilege, Reader
from patcher.errors import PatcherError
from patcher.image.elf import MAGIC

ET_EXEC, ET_CORE = 2, 4
PT_GNU_EH_FRAME = 0x6474E550


def read_elf(data: bytes, name: str) -> tuple[Binary, ...]:
    """The one program of an ELF file."""
    return (read_program(data, name).binary("", name),)


def read_program(data: bytes, name: str) -> Gathering:
    """An ELF file before it is made final, for files that tell more about it than itself does."""
    elf = read_file(data, name)
    if elf.header.type == ET_CORE:
        raise PatcherError(f"{name} is a memory dump of a process, not a program.")
    if elf.header.is_object and not elf.sections:
        raise PatcherError(
            f"{name} is an object whose sections cannot be read: {elf.damage or 'it has none'}."
        )
    into = Gathering("elf", elf.header.mode, privilege_of(elf), [])
    space = _read_object(elf, into) if elf.header.is_object else _read_linked(elf, into)
    _read_unwinding(elf, space, into)
    read_go_functions(into)
    _read_static(elf, space, into)
    if any(section.name in KERNEL_SECTIONS for section in into.sections):
        read_tables(into, space)
    return into


def _read_object(elf: ElfFile, into: Gathering) -> AddressSpace:
    layout = elf_object.lay_out(elf, into)
    space = AddressSpace(into.sections)
    read_names(elf, into, layout.bases)
    for row in elf.of_type(SHT_INIT_ARRAY, SHT_FINI_ARRAY, SHT_PREINIT_ARRAY):
        if row.index in layout.sections:
            enter_array(space, layout.sections[row.index].address, row.size, elf.header, {}, into)
    return space


def _read_linked(elf: ElfFile, into: Gathering) -> AddressSpace:
    memory = elf_linked.lay_out(elf)
    into.sections += memory.sections
    if memory.doubt:
        into.notes.append(f"Read by program headers: {memory.doubt}.")
    space = AddressSpace(into.sections)
    _read_entry(elf, into)
    read_names(elf, into)
    dynamic = read_dynamic(elf, space, into)
    names = symbol_names(elf, space, dynamic)
    if memory.doubt:
        exports(names, into)
    name_plt([row[0] for row in names], dynamic, into)
    if is_syslinux_module(space, dynamic):
        into.privilege = Privilege.FIRMWARE
    return space


def _read_entry(elf: ElfFile, into: Gathering) -> None:
    is_booted = enter_boot_protocols(elf, into)
    if is_booted:
        into.privilege = Privilege.KERNEL
    entry = elf_linked.virtual_entry(elf)
    if entry is not None and (entry, 32) not in into.entries:
        into.enter(entry, Origin.ENTRY)


def _read_static(elf: ElfFile, space: AddressSpace, into: Gathering) -> None:
    """A program linked to a fixed address keeps no relocations: words that look like addresses of code must do."""
    into.relocated = elf.header.type != ET_EXEC
    if not into.relocated:
        into.guesses.update(guess_pointers(into, space, elf.header.bits // 8))


def _read_unwinding(elf: ElfFile, space: AddressSpace, into: Gathering) -> None:
    tables = [(s.address, s.data) for s in into.named(".eh_frame")]
    if not tables:
        headers = (row.vaddr for row in elf.segments if row.type == PT_GNU_EH_FRAME)
        tables = [frames_from_header(space.view, header, elf.header.bits) for header in headers]
    for start, data in tables:
        frames = list(read_frames(data, start, elf.header.bits))
        for frame in frames:
            known = into.functions.get(frame.start)
            into.functions[frame.start] = (frame.end, known[1] if known else "")
            into.enter(frame.start, Origin.UNWIND)
        read_landing_pads(frames, space, into, elf.header.bits, len(elf.data))


READER = Reader("elf", rank=30, matches=lambda data: data.startswith(MAGIC), read=read_elf)
