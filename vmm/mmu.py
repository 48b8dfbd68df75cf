# SPDX-License-Identifier: GPL-2.0-or-later
"""The guest's memory management unit: linear to physical for the monitor's own accesses and for the engine's fills.

Translations are remembered as a hardware TLB does, and dropped when the guest flushes: the monitor must not see a
page-table change earlier than the guest is promised to, nor much later.
"""

from collections.abc import Callable

from patcher.x86.exceptions import AC, GuestFault
from patcher.x86.paging import CR0_PG, CR0_WP, CR4_PAE, CR4_PSE, EFER_NXE, Access, Mode, Translation, walk
from vmm.memory import PAGE, GuestMemory

MASK = 0xFFFF_FFFF
USER = 1 << 20  # in a key of the remembered translations: beside the 20 bits of a page number

_ACCESS = {(write, user): Access(write, user) for write in (False, True) for user in (False, True)}
_FETCH = {user: Access(False, user, True) for user in (False, True)}


def _check_alignment(linear: int, size: int) -> None:
    """#AC(0) unless `linear` is divisible by `size`; six bytes, a table register, are a word and then a doubleword
    (SDM vol. 3A, table 6-7 and section 3.5.1).
    """
    if (linear + 2 & 3) if size == 6 else (linear & size - 1):
        raise GuestFault(AC, 0)


class _Untouched:
    """Physical memory for a walk that must leave no trace."""

    def __init__(self, memory: GuestMemory) -> None:
        self.read32 = memory.read32

    def write32(self, gpa: int, value: int) -> None:
        """Accessed and dirty bits stay as they are."""


class Mmu:
    """Page walks under the current CR0, CR3, CR4 and EFER; linear accesses for effects (the `v.mem` of a vCPU)."""

    def __init__(self, memory: GuestMemory) -> None:
        self.memory = memory
        self.paging = False
        self.mode = Mode(0, False, False, False, False)
        self.user = False  # virtual CPL is 3
        self.aligned_only = False  # virtual CPL is 3, CR0.AM and EFLAGS.AC are set: what is not aligned is #AC
        self.directory: int | None = None  # word number of the page directory, when paging is 32-bit
        self.reads: dict[int, int] = {}  # page number | USER -> guest-physical page address
        self.writes: dict[int, int] = {}
        self.large: set[int] = set()  # numbers of 4 MiB regions in which large pages were found

    def set_mode(self, cr0: int, cr3: int, cr4: int, efer: int) -> None:
        self.paging = bool(cr0 & CR0_PG)
        self.mode = Mode(cr3, bool(cr4 & CR4_PAE), bool(cr4 & CR4_PSE), bool(cr0 & CR0_WP), bool(efer & EFER_NXE))
        usable = self.paging and not self.mode.pae and cr3 >> 12 < self.memory.pages
        self.directory = cr3 >> 12 << 10 if usable else None
        self.flush()

    def flush(self) -> None:
        self.reads.clear()
        self.writes.clear()
        self.large.clear()

    def flush_page(self, linear: int) -> None:
        """Forget the page; a large one as a whole, wherever in it `linear` lies (SDM vol. 3A, 4.10.4.1)."""
        if linear >> 22 in self.large:
            self.flush()
            return
        page = linear >> 12
        for remembered in (self.reads, self.writes):
            remembered.pop(page, None)
            remembered.pop(page | USER, None)

    def translate(self, linear: int, write: bool, user: bool) -> Translation:
        """Walk for a data access; accessed and dirty bits are set. Raises GuestFault."""
        if not self.paging:
            return Translation(linear & 0xFFFF_F000, True, True)
        return self._noted(linear, walk(self.memory, self.mode, linear, _ACCESS[write, user]))

    def translate_fetch(self, linear: int, user: bool) -> Translation:
        """Walk for an instruction fetch. Raises GuestFault."""
        if not self.paging:
            return Translation(linear & 0xFFFF_F000, True, True)
        return self._noted(linear, walk(self.memory, self.mode, linear, _FETCH[user]))

    def _noted(self, linear: int, found: Translation) -> Translation:
        if found.large:
            self.large.add(linear >> 22)
        return found

    def is_mapped(self, linear: int) -> bool:
        """Does any access to `linear` find a present page (or memory, without paging)? Sets no bits."""
        if not self.paging:
            return linear < self.memory.size
        try:
            walk(_Untouched(self.memory), self.mode._replace(wp=False), linear, Access(False, False))
        except GuestFault as fault:
            return bool((fault.error_code or 0) & 1)
        return True

    def _read_page(self, page: int, user: bool) -> int:
        key = page | USER if user else page
        gpa = self.reads.get(key)
        if gpa is None:
            gpa = self.reads[key] = self.translate(page << 12, False, user).page
        return gpa

    def _write_page(self, page: int, user: bool) -> int:
        key = page | USER if user else page
        gpa = self.writes.get(key)
        if gpa is None:
            gpa = self.writes[key] = self.translate(page << 12, True, user).page
        return gpa

    # --- accesses; `linear` wraps at 4 GiB, a fault carries the exact address

    def read_as(self, linear: int, size: int, cpl: int) -> int:
        linear &= MASK
        offset = linear & 0xFFF
        if offset + size > 4096:
            return self._read_split(linear, size, cpl)
        try:
            return self.memory.read(self._read_page(linear >> 12, cpl == 3) + offset, size)
        except GuestFault as fault:
            raise GuestFault(fault.vector, fault.error_code, linear) from None

    def _read_split(self, linear: int, size: int, cpl: int) -> int:
        first = 4096 - (linear & 0xFFF)
        low = self.read_as(linear, first, cpl)
        return low | self.read_as(linear + first, size - first, cpl) << 8 * first

    def write_as(self, linear: int, size: int, value: int, cpl: int) -> None:
        linear &= MASK
        offset = linear & 0xFFF
        value &= (1 << 8 * size) - 1
        if offset + size > 4096:
            self._write_split(linear, size, value, cpl)
            return
        try:
            self.memory.write(self._write_page(linear >> 12, cpl == 3) + offset, size, value)
        except GuestFault as fault:
            raise GuestFault(fault.vector, fault.error_code, linear) from None

    def _write_split(self, linear: int, size: int, value: int, cpl: int) -> None:
        """Both pages are translated before a byte of either is written."""
        first = 4096 - (linear & 0xFFF)
        self.probe(linear, first, True, cpl)
        self.probe(linear + first, size - first, True, cpl)
        self.write_as(linear, first, value, cpl)
        self.write_as(linear + first, size - first, value >> 8 * first, cpl)

    def probe(self, linear: int, size: int, write: bool = True, cpl: int | None = None) -> None:
        """Raise what an access to [linear, linear + size) would raise; only accessed and dirty bits change."""
        user = self.user if cpl is None else cpl == 3
        linear &= MASK
        if self.aligned_only and user:
            _check_alignment(linear, size)
        for start in {linear, (linear + size - 1 & 0xFFFF_F000) & MASK if (linear & 0xFFF) + size > 4096 else linear}:
            try:
                (self._write_page if write else self._read_page)(start >> 12, user)
            except GuestFault as fault:
                raise GuestFault(fault.vector, fault.error_code, start) from None

    def read(self, linear: int, size: int) -> int:
        """With the rights of the current virtual CPL."""
        gpa = self.reads.get(linear >> 12 | USER if self.user else linear >> 12)
        if gpa is not None and size == 4 and not linear & 3 and gpa < self.memory.size:
            return self.memory.words[(gpa | linear & 0xFFC) >> 2]
        if self.aligned_only:
            _check_alignment(linear, size)
        return self.read_as(linear, size, 3 if self.user else 0)

    def write(self, linear: int, size: int, value: int) -> None:
        """With the rights of the current virtual CPL."""
        gpa = self.writes.get(linear >> 12 | USER if self.user else linear >> 12)
        memory = self.memory
        if gpa is not None and size == 4 and not linear & 3 and gpa < memory.size and gpa >> 12 not in memory.watched:
            memory.words[(gpa | linear & 0xFFC) >> 2] = value
            return
        if self.aligned_only:
            _check_alignment(linear, size)
        self.write_as(linear, size, value, 3 if self.user else 0)

    def read_block(self, linear: int, size: int) -> bytes | None:
        """`size` bytes with the rights of the current virtual CPL; None when they must be read piece by piece."""
        if self.aligned_only or (linear & 0xFFF) + size > 4096:
            return None
        try:
            gpa = self._read_page(linear >> 12, self.user) | linear & 0xFFF
        except GuestFault as fault:
            raise GuestFault(fault.vector, fault.error_code, linear) from None
        return bytes(self.memory.bytes[gpa : gpa + size]) if gpa + size <= self.memory.size else None

    def write_block(self, linear: int, data: bytes) -> bool:
        """The same for writing; False when it must be done piece by piece."""
        if self.aligned_only or (linear & 0xFFF) + len(data) > 4096:
            return False
        try:
            gpa = self._write_page(linear >> 12, self.user) | linear & 0xFFF
        except GuestFault as fault:
            raise GuestFault(fault.vector, fault.error_code, linear) from None
        if gpa >> 12 in self.memory.watched or gpa + len(data) > self.memory.size:
            return False
        self.memory.bytes[gpa : gpa + len(data)] = data
        return True

    def read_system(self, linear: int, size: int) -> int:
        """With supervisor rights: descriptor tables, TSS, interrupt frames."""
        return self.read_as(linear, size, 0)

    def write_system(self, linear: int, size: int, value: int) -> None:
        self.write_as(linear, size, value, 0)

    def fetch_bytes(self, linear: int, size: int) -> bytes:
        """`size` instruction bytes at `linear`, as a fetch: sets accessed bits, raises the GuestFault of a page."""
        return self._bytes(linear, size, lambda at: self.translate_fetch(at, self.user).page)

    def peek(self, linear: int, size: int) -> bytes:
        """Up to `size` bytes at `linear`, for reports: fewer where nothing is mapped. Leaves no trace."""
        untouched, any_read = _Untouched(self.memory), _ACCESS[False, False]
        try:
            return self._bytes(
                linear, size, lambda at: walk(untouched, self.mode, at, any_read).page if self.paging else at & ~0xFFF
            )
        except GuestFault:
            ahead = PAGE - (linear & 0xFFF)
            return self.peek(linear, ahead) if size > ahead else b""

    def _bytes(self, linear: int, size: int, page_of: Callable[[int], int]) -> bytes:
        out = b""
        while len(out) < size:
            at = linear + len(out) & MASK
            start, page = at & 0xFFF, self.memory.page(page_of(at) >> 12)
            out += bytes(page[start : start + size - len(out)])
        return out
