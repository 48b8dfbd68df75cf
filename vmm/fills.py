# SPDX-License-Identifier: GPL-2.0-or-later
"""Answers to the engine's TLB misses: the guest's own frame for data, a code page for fetches, or a refusal.

A refusal ends the engine's run; `refused` or `code_write` then says why. The engine has put the exact EIP of the
instruction in the state area before it asks.
"""

import ctypes
from collections.abc import Callable

from patcher.tactic import Closing
from patcher.x86.exceptions import GuestFault
from vmm.code_pages import PAGE, CodePage, CodePages, OutOfFrames, View
from vmm.engine.unicorn_engine import (
    ACCESS_FETCH,
    ACCESS_WRITE,
    FRAMES_BASE,
    OPEN_BUS,
    PROT_EXEC,
    PROT_READ,
    PROT_WRITE,
)
from vmm.mmu import MASK, USER, Mmu
from vmm.stubs import Stubs
from vmm.vcpu import CR0_AM, Vcpu

ALL, KERNEL, USERS, CHECKED = range(4)
_CLOSINGS = {
    "fast": (Closing.ALL, Closing.KERNEL, Closing.USER, Closing.CHECKED),
    "trap": (Closing.ALL,) * 4,
    "native": (None,) * 4,
}
_VIEWS = {(bits, closing): View(bits, closing) for bits in (16, 32) for closing in (*Closing, None)}


def _let_out(error: BaseException) -> None:
    raise error


class Fills:
    """The fill callback and what it refused last."""

    def __init__(self, vcpu: Vcpu, mmu: Mmu, code: CodePages, policy: str, stubs: Stubs) -> None:
        self.vcpu = vcpu
        self.mmu = mmu
        self.code = code
        self._views = [[_VIEWS[bits, closing] for closing in _CLOSINGS[policy]] for bits in (16, 32)]
        self.memory = mmu.memory
        self.refused: GuestFault | None = None
        self.code_write: int | None = None  # guest-physical page that an instruction on that very page writes
        self.out_of_frames = False
        self.again = False  # refused only to have the engine start its translation over
        self.fetching = False  # what was refused last was an instruction fetch
        self.fail: Callable[[BaseException], None] = _let_out  # keeps what must not go through the engine
        self.step_ppn: int | None = None  # the one code page that the instruction being stepped may write
        self.count = 0
        self.stubs = stubs
        self.stub_lost = False  # EIP is in the stub area, and the guest has mapped the place
        self._answers: dict[int, ctypes.Array[ctypes.c_uint64]] = {}

    def callback(self) -> Callable[[int, int, int, int, int], bool]:
        """The engine's fill callback: `fill`, with 32-bit paging laid straight where the walk has nothing to update."""
        mmu, words, pages, watched = self.mmu, self.memory.words, self.memory.pages, self.memory.watched
        answers, writable, answered, fill = self._answers, self.code.writable, self.code.answered, self.fill
        stub_pages, large = self.stubs.pages, self.mmu.large

        def callback(_handle: int, linear: int, access: int, answer: int, _data: int) -> bool:
            directory, slot = mmu.directory, answers.get(answer)
            if directory is None or slot is None or linear >> 12 in stub_pages:
                return fill(linear, access, answer)
            entry = rights = words[directory + (linear >> 22 & 0x3FF)]
            if entry & 0xA1 == 0x21 and entry >> 12 < pages:  # present, accessed, a table
                entry = words[(rights >> 12 << 10) + (linear >> 12 & 0x3FF)]
                page, rights = entry & 0xFFFF_F000, entry & rights
            elif entry & 0x3F_E0A1 == 0xA1 and mmu.mode.pse:  # a large page, no reserved bit set
                page = entry & 0xFFC0_0000 | linear & 0x3F_F000
                large.add(linear >> 22 & 0x3FF)
            else:
                return fill(linear, access, answer)
            ppn, user = page >> 12, mmu.user
            if entry & 0x21 != 0x21 or ppn >= pages or (user and not rights & 4):
                return fill(linear, access, answer)
            if access == ACCESS_FETCH:
                return self._show(linear & MASK, ppn, slot)
            if ppn in watched:
                return fill(linear, access, answer)
            if entry & 0x40 and (rights & 2 or not (user or mmu.mode.wp)):
                slot[1] = 3  # read and write: dirty already
                writable.add(ppn)
            elif access == ACCESS_WRITE:
                return fill(linear, access, answer)
            else:
                slot[1] = 1
            self.count += 1
            answered.add(linear >> 12 & 0xF_FFFF)
            slot[0] = page
            return True

        return callback

    def _show(self, linear: int, ppn: int, slot: "ctypes.Array[ctypes.c_uint64]") -> bool:
        """Answer a fetch whose walk is done."""
        self.count += 1
        try:
            slot[0], slot[1] = self._fetch_page(linear, ppn, self.mmu.user)
        except BaseException as error:
            self.fail(error)
            return False
        return slot[1] != 0

    def fill(self, linear: int, access: int, answer: int) -> bool:
        """Translate the page at `linear` for `access`; False refuses."""
        self.count += 1
        linear &= MASK  # the engine adds segment bases in 64 bits
        try:
            page, rights = self._fetch(linear) if access == ACCESS_FETCH else self._data(linear, access == ACCESS_WRITE)
        except GuestFault as fault:
            self.refused, self.fetching = fault, access == ACCESS_FETCH
            return False
        except BaseException as error:
            self.fail(error)
            return False
        if not rights:
            return False
        if access != ACCESS_FETCH:
            self.code.answered.add(linear >> 12)  # after whatever made the engine forget
        slot = self._answers.get(answer)
        if slot is None:
            slot = self._answers[answer] = (ctypes.c_uint64 * 2).from_address(answer)
        slot[0], slot[1] = page, rights
        return True

    def _data(self, linear: int, write: bool) -> tuple[int, int]:
        translation = self.mmu.translate(linear, write, self._user(linear))
        page, ppn = translation.page, translation.page >> 12
        if linear >> 12 in self.stubs.pages and ppn < self.memory.pages:
            self.stubs.reset()  # the guest has something there now
        if ppn >= self.memory.pages:
            return OPEN_BUS, PROT_READ | PROT_WRITE
        if ppn in self.memory.watched and ppn != self.step_ppn:
            if not write:
                return page, PROT_READ
            if self._runs_on(ppn):
                self.code_write = ppn
                return page, 0
            self.code.drop(ppn)
        elif not write and not translation.writable:
            return page, PROT_READ
        self.code.writable.add(ppn)
        return page, PROT_READ | PROT_WRITE

    def _user(self, _linear: int) -> bool:
        """Whose rights an access to `linear` has."""
        return self.vcpu.cpl == 3

    def _runs_on(self, ppn: int) -> bool:
        """Is the block being executed from this page, perhaps reaching it from the page before?"""
        area = self.vcpu.area
        linear = area.eip + area.words[area.cs_base_word]
        return any(self._code_ppn(linear + distance & MASK) == ppn for distance in (0, PAGE, -PAGE))

    def _code_ppn(self, linear: int) -> int | None:
        """The guest-physical page that is executed at `linear`."""
        page = self.code.executed(linear >> 12 | (USER if self.vcpu.cpl == 3 else 0))
        if page is not None:
            return page.ppn if isinstance(page, CodePage) else None
        try:
            return self.mmu.translate_fetch(linear, self.vcpu.cpl == 3).page >> 12
        except GuestFault:
            return None

    def _fetch(self, linear: int) -> tuple[int, int]:
        user = self.vcpu.cpl == 3
        if linear >> 12 in self.stubs.pages and not user:
            return self._fetch_stub(linear)
        return self._fetch_page(linear, self.mmu.translate_fetch(linear, user).page >> 12, user)

    def _fetch_page(self, linear: int, ppn: int, user: bool) -> tuple[int, int]:
        if ppn in self.code.writable:
            self.code.forget()
        try:
            page = self.code.get(ppn, self.view())
        except OutOfFrames:
            self.out_of_frames = True
            return 0, 0
        if page.home is not None and page.home != linear >> 12:
            self.stubs.demote_page(page)
        key = linear >> 12 | (USER if user else 0)
        self.code.fetched[key] = page
        if self.code.settle(key, page):
            self.again = True
            return 0, 0
        area = self.vcpu.area
        entry = area.eip + area.words[area.cs_base_word] & MASK
        if entry >> 12 == linear >> 12:  # else an instruction reaches into the page; the check of its block will see
            page.scan.discover(entry & 0xFFF)  # before the block is translated: this saves a veto
        return FRAMES_BASE + (page.frame << 12), PROT_EXEC

    def _fetch_stub(self, linear: int) -> tuple[int, int]:
        """Stubs lie where the guest has nothing; once it has, they go."""
        if self.mmu.is_mapped(linear):
            self.stub_lost = True
            return 0, 0
        page = self.stubs.pages[linear >> 12]
        self.code.fetched[linear >> 12] = page
        return FRAMES_BASE + (page.frame << 12), PROT_EXEC

    def page_at(self, linear: int) -> CodePage | None:
        """The code page that a fetch at `linear` would see now, if there is one already."""
        ppn = self.mmu.translate_fetch(linear, self.vcpu.cpl == 3).page >> 12
        return self.code.pages.get((ppn, self.view()))

    def view(self) -> View:
        """How code must be shown to who runs now."""
        vcpu = self.vcpu
        views = self._views[vcpu.area.code32]
        if vcpu.cpl == 0:
            return views[KERNEL if vcpu.flags_native else ALL]
        if vcpu.cpl != 3 or vcpu.iopl == 3:
            return views[ALL]
        return views[CHECKED if vcpu.cr0 & CR0_AM else USERS]
