# SPDX-License-Identifier: GPL-2.0-or-later
"""In which ring an ELF file expects to run, as far as the file tells."""

from patcher.binary.address_space import AddressSpace
from patcher.binary.elf_dynamic import DT_STRTAB, Dynamic
from patcher.binary.elf_file import ElfFile
from patcher.binary.model import Privilege
from patcher.image.elf import PT_LOAD

ET_DYN = 3
PT_INTERP = 3
DT_NEEDED, DT_SONAME = 1, 14
#: Sections that only code for ring 0 has: Linux kernels and modules, GRUB's modules.
KERNEL_SECTIONS = frozenset({
    ".modinfo", ".gnu.linkonce.this_module", ".init.text", "__ksymtab", "__ksymtab_gpl", ".altinstructions",
    "__ex_table", ".modname", ".moddeps",
})  # fmt: skip
#: The lowest address of a kernel that lives in the upper half (i386: Linux's usual split).
UPPER_HALF = {32: 0xC000_0000, 64: 0xFFFF_8000_0000_0000}
LOWEST_OF_USERS = 0x1_0000
"""Linux gives programs no memory below this (vm.mmap_min_addr): what is linked there starts on the bare machine."""
SYSLINUX = b".c32"


def privilege_of(elf: ElfFile) -> Privilege:
    """By sections and by the addresses that the file is linked to. A plain object tells nothing."""
    if any(section.name in KERNEL_SECTIONS for section in elf.sections):
        return Privilege.KERNEL
    if elf.header.is_object:
        return Privilege.UNKNOWN
    if any(row.type == PT_INTERP for row in elf.segments):
        return Privilege.USER
    loads = [row for row in elf.segments if row.type == PT_LOAD and row.filesz]
    is_moved = any(row.paddr not in (0, row.vaddr) for row in loads)
    is_high = any(row.vaddr >= UPPER_HALF[elf.header.bits] for row in loads)
    is_low = elf.header.type != ET_DYN and any(row.vaddr < LOWEST_OF_USERS for row in loads)
    return Privilege.KERNEL if is_moved or is_high or is_low else Privilege.USER


def is_syslinux_module(space: AddressSpace, dynamic: Dynamic) -> bool:
    """Whether it names itself, or what it needs, as SYSLINUX's modules do: they run in its ring 0."""
    strings = dynamic.values.get(DT_STRTAB, 0)
    names = (dynamic.values[tag] for tag in (DT_NEEDED, DT_SONAME) if tag in dynamic.values)
    return any(bytes(space.view(strings + at, 256)).partition(b"\0")[0].endswith(SYSLINUX) for at in names)
