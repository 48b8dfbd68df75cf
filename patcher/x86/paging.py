# SPDX-License-Identifier: GPL-2.0-or-later
"""The page walk of 32-bit and PAE paging, with access rights, accessed and dirty bits (SDM vol. 3A, chapter 4).

This is the reference: clear, complete and the only one that faults. The monitor's fill path has a shortcut for the
common case and comes here for everything else; a test holds the two together.
"""

from typing import NamedTuple, Protocol

from patcher.x86.exceptions import PF, GuestFault

P, W, U, ACCESSED, DIRTY, PS = 0x1, 0x2, 0x4, 0x20, 0x40, 0x80
NX = 1 << 63
ERROR_P, ERROR_W, ERROR_U, ERROR_RSVD, ERROR_I = 1, 2, 4, 8, 16
PAE_RESERVED = 0x7FFF_FFF0_0000_0000 & ~NX  # physical addresses of 36 bits
CR0_WP, CR0_PG, CR4_PSE, CR4_PAE, EFER_NXE = 1 << 16, 1 << 31, 1 << 4, 1 << 5, 1 << 11


class Physical(Protocol):
    """Guest-physical memory as the walk needs it: aligned 32-bit words."""

    def read32(self, gpa: int) -> int: ...
    def write32(self, gpa: int, value: int) -> None: ...


class Mode(NamedTuple):
    """The control bits that a walk depends on."""

    cr3: int
    pae: bool
    pse: bool
    wp: bool
    nxe: bool


class Access(NamedTuple):
    """What is attempted; `user` is true at CPL 3 except for implicit accesses to descriptor tables and the TSS."""

    write: bool
    user: bool
    fetch: bool = False


class Translation(NamedTuple):
    """Where a linear page lies and what may be done there now without another walk."""

    page: int  # guest-physical address of the 4 KiB page
    writable: bool  # by this privilege, and the dirty bit is already set
    user: bool
    large: bool = False  # mapped by a directory entry: 4 MiB, or 2 MiB with PAE


def walk(memory: Physical, mode: Mode, linear: int, access: Access) -> Translation:
    """Translate `linear`, setting accessed (and on a write dirty) bits; raises GuestFault(#PF) with its error code."""
    return _walk_pae(memory, mode, linear, access) if mode.pae else _walk_32(memory, mode, linear, access)


def _fault(linear: int, access: Access, nx: bool, present: bool, reserved: bool = False) -> GuestFault:
    code = (ERROR_P if present else 0) | (ERROR_W if access.write else 0) | (ERROR_U if access.user else 0)
    if access.fetch and nx:
        code |= ERROR_I
    return GuestFault(PF, code | (ERROR_RSVD if reserved else 0), linear)


def _allowed(mode: Mode, access: Access, writable: bool, user: bool, nx: bool) -> bool:
    if (access.user and not user) or (access.fetch and nx):
        return False
    return not access.write or writable or not (access.user or mode.wp)


def _walk_32(memory: Physical, mode: Mode, linear: int, access: Access) -> Translation:
    pde_at = (mode.cr3 & 0xFFFF_F000) + (linear >> 20 & 0xFFC)
    pde = memory.read32(pde_at)
    if not pde & P:
        raise _fault(linear, access, False, present=False)
    if pde & PS and mode.pse:
        if pde & 0x003F_E000:  # no PSE-36: bits 21:13 are reserved
            raise _fault(linear, access, False, present=True, reserved=True)
        page = (pde & 0xFFC0_0000) | (linear & 0x003F_F000)
        return _leaf(memory, mode, linear, access, pde_at, pde, pde, page, 0, True)
    pte_at = (pde & 0xFFFF_F000) + (linear >> 10 & 0xFFC)
    pte = memory.read32(pte_at)
    if not pte & P:
        raise _fault(linear, access, False, present=False)
    translation = _leaf(memory, mode, linear, access, pte_at, pte, pte & pde, pte & 0xFFFF_F000)
    if not pde & ACCESSED:
        memory.write32(pde_at, pde | ACCESSED)
    return translation


def _leaf(
    memory: Physical, mode: Mode, linear: int, access: Access,
    at: int, entry: int, rights: int, page: int, nx: int = 0, large: bool = False,
) -> Translation:  # fmt: skip
    """Check the combined `rights` and update the entry that maps the page (its low word lies at `at`)."""
    writable, user = bool(rights & W), bool(rights & U)
    if not _allowed(mode, access, writable, user, bool(nx)):
        raise _fault(linear, access, mode.nxe and mode.pae, present=True)
    wanted = entry & 0xFFFF_FFFF | ACCESSED | (DIRTY if access.write else 0)
    if wanted != entry & 0xFFFF_FFFF:
        memory.write32(at, wanted)
    may_write = (writable or not (access.user or mode.wp)) and bool(wanted & DIRTY)
    return Translation(page, may_write, user, large)


def _read64(memory: Physical, gpa: int) -> int:
    return memory.read32(gpa) | memory.read32(gpa + 4) << 32


def _walk_pae(memory: Physical, mode: Mode, linear: int, access: Access) -> Translation:
    reserved = PAE_RESERVED | (0 if mode.nxe else NX)
    fault_i = mode.nxe
    pdpte = _read64(memory, (mode.cr3 & 0xFFFF_FFE0) + (linear >> 27 & 0x18))
    if not pdpte & P:
        raise _fault(linear, access, fault_i, present=False)
    pde_at = (pdpte & 0xF_FFFF_F000) + (linear >> 18 & 0xFF8)
    pde = _read64(memory, pde_at)
    if not pde & P:
        raise _fault(linear, access, fault_i, present=False)
    if pde & (reserved | (0x1F_E000 if pde & PS else 0)):
        raise _fault(linear, access, fault_i, present=True, reserved=True)
    if pde & PS:
        page = (pde & 0xF_FFE0_0000) | (linear & 0x1F_F000)
        return _leaf(memory, mode, linear, access, pde_at, pde, pde, page, pde & NX, True)
    pte_at = (pde & 0xF_FFFF_F000) + (linear >> 9 & 0xFF8)
    pte = _read64(memory, pte_at)
    if not pte & P:
        raise _fault(linear, access, fault_i, present=False)
    if pte & reserved:
        raise _fault(linear, access, fault_i, present=True, reserved=True)
    translation = _leaf(memory, mode, linear, access, pte_at, pte, pte & pde, pte & 0xF_FFFF_F000, (pte | pde) & NX)
    if not pde & ACCESSED:
        memory.write32(pde_at, pde & 0xFFFF_FFFF | ACCESSED)
    return translation
