# SPDX-License-Identifier: GPL-2.0-or-later
"""mov to and from control and debug registers (SDM vol. 2B, MOV; vol. 3A, sections 2.5 and 17.2)."""

from patcher.x86.exceptions import DB, GP, UD, GuestFault
from patcher.x86.insn import Insn
from patcher.x86.paging import CR0_PG, CR4_PAE
from vmm.effects.registry import effect
from vmm.errors import Unsupported
from vmm.processor import Processor

CR0_PE, CR0_NW, CR0_CD, CR0_ET = 1, 1 << 29, 1 << 30, 1 << 4
CR0_DEFINED = 0xE005_003F
CR4_DE, CR4_PSE, CR4_PGE = 0x8, 0x10, 0x80

DR6_BD, DR6_WRITABLE, DR6_ONES = 0x2000, 0xE00F, 0xFFFF_0FF0
DR7_GD, DR7_ENABLES, DR7_WRITABLE, DR7_ONES = 0x2000, 0xFF, 0xFFFF_23FF, 0x400


@effect("mov r,cr")
def mov_from_control(v: Processor, insn: Insn) -> None:
    """Read CR0, CR2, CR3 or CR4; #UD for the others, whatever the ring."""
    number = insn.reg
    if number == 3:
        value = v.cr3
    elif number == 0:
        value = v.cr0
    elif number == 2:
        value = v.cr2
    elif number == 4:
        value = v.cr4
    else:
        raise GuestFault(UD)
    if v.cpl:
        raise GuestFault(GP, 0)
    v.regs[insn.rm] = value
    v.advance(insn)


@effect("mov cr,r")
def mov_to_control(v: Processor, insn: Insn) -> None:
    """Write CR0, CR2, CR3 or CR4; #GP(0) for what the processor does not have."""
    number = insn.reg
    if number not in (0, 2, 3, 4):
        raise GuestFault(UD)
    if v.cpl:
        raise GuestFault(GP, 0)
    value: int = v.regs[insn.rm]
    if number == 3:
        load_cr3(v, value)
    elif number == 0:
        load_cr0(v, value)
    elif number == 4:
        load_cr4(v, value)
    else:
        v.cr2 = value
    v.advance(insn)


def load_cr0(v: Processor, value: int) -> None:
    """Reserved bits are ignored, ET stays set; paging needs protection, NW needs CD (SDM vol. 3A, 2.5)."""
    value = value & CR0_DEFINED | CR0_ET
    if value & (CR0_PG | CR0_PE) == CR0_PG or value & (CR0_NW | CR0_CD) == CR0_NW:
        raise GuestFault(GP, 0)
    if not value & CR0_PE:
        raise Unsupported("real mode (CR0.PE cleared)", v.eip)
    if value & CR0_PG and not v.cr0 & CR0_PG and v.cr4 & CR4_PAE:
        check_pdptes(v, v.cr3)
    v.write_cr0(value)


def load_cr3(v: Processor, value: int) -> None:
    """Reserved bits are ignored; with PAE paging the four top entries are checked."""
    if v.cr4 & CR4_PAE and v.cr0 & CR0_PG:
        check_pdptes(v, value)
    v.write_cr3(value)


def load_cr4(v: Processor, value: int) -> None:
    """#GP(0) for a bit whose feature the model lacks."""
    if value & ~v.model.cr4_mask:
        raise GuestFault(GP, 0)
    if v.cr0 & CR0_PG and value & CR4_PAE and (value ^ v.cr4) & (CR4_PAE | CR4_PSE | CR4_PGE):
        check_pdptes(v, v.cr3)
    v.write_cr4(value)


def check_pdptes(v: Processor, cr3: int) -> None:
    """#GP(0) when a present page-directory-pointer entry has a reserved bit (SDM vol. 3A, section 4.4.1)."""
    table, read = cr3 & 0xFFFF_FFE0, v.mem.memory.read
    for i in range(4):
        entry = read(table + 8 * i, 8)
        if entry & 1 and entry & PDPTE_RESERVED:
            raise GuestFault(GP, 0)


PDPTE_RESERVED = 0xFFFF_FFF0_0000_01E6
"""Bits 2:1, 8:5 and those above a 36-bit physical address."""


# --- debug registers


def _debug_register(v: Processor, insn: Insn) -> int:
    """The register named, 4 and 5 being 6 and 7 unless CR4.DE (SDM vol. 3B, 17.2.2); checks who asks."""
    number = insn.reg
    if number in (4, 5):
        if v.cr4 & CR4_DE:
            raise GuestFault(UD)
        number += 2
    if v.cpl:
        raise GuestFault(GP, 0)
    if v.dr[7] & DR7_GD:
        v.dr[6] |= DR6_BD
        raise GuestFault(DB)
    return number


@effect("mov r,dr")
def mov_from_debug(v: Processor, insn: Insn) -> None:
    """Read a debug register."""
    v.regs[insn.rm] = v.dr[_debug_register(v, insn)]
    v.advance(insn)


@effect("mov dr,r")
def mov_to_debug(v: Processor, insn: Insn) -> None:
    """Write a debug register; breakpoints can be described but not enabled."""
    number = _debug_register(v, insn)
    value: int = v.regs[insn.rm]
    if number == 6:
        value = value & DR6_WRITABLE | DR6_ONES
    elif number == 7:
        value = value & DR7_WRITABLE | DR7_ONES
        if value & DR7_ENABLES:
            raise Unsupported(f"a hardware breakpoint (DR7 = {value:#010x})", v.eip)
    v.dr[number] = value
    v.advance(insn)
