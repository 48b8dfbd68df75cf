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
from vmm.vcpu import Vcpu

_VIEWS = {(bits, closing): View(bits, closing) for bits in (16, 32) for closing in (*Closing, None)}


def _let_out(error: BaseException) -> None:
    raise error


class Fills:
    """The fill callback and what it refused last."""

    def __init__(self, vcpu: Vcpu, mmu: Mmu, code: CodePages, policy: str, stubs: Stubs) -> None:
        self.vcpu = vcpu
        self.mmu = mmu
        self.code = code
        self.policy = policy
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
        """The engine's fill callback: data in 4 KiB pages with nothing to update at once, the rest by `fill`."""
        mmu, words, pages, watched = self.mmu, self.memory.words, self.memory.pages, self.memory.watched
        answers, writable, answered, fill = self._answers, self.code.writable, self.code.answered, self.fill

        stub_pages = self.stubs.pages

        def callback(_handle: int, linear: int, access: int, answer: int, _data: int) -> bool:
            directory = mmu.directory
            if directory is None or access == ACCESS_FETCH or linear >> 12 in stub_pages:
                return fill(linear, access, answer)
            pde = words[directory + (linear >> 22 & 0x3FF)]
            if pde & 0xA1 != 0x21 or pde >> 12 >= pages:  # present, accessed, a table
                return fill(linear, access, answer)
            pte = words[(pde >> 12 << 10) + (linear >> 12 & 0x3FF)]
            ppn, user = pte >> 12, mmu.user
            if pte & 0x21 != 0x21 or ppn >= pages or ppn in watched or (user and not pte & pde & 4):
                return fill(linear, access, answer)
            if pte & 0x40 and (pte & pde & 2 or not (user or mmu.mode.wp)):
                rights = 3  # read and write: dirty already
                writable.add(ppn)
            elif access == ACCESS_WRITE:
                return fill(linear, access, answer)
            else:
                rights = 1
            slot = answers.get(answer)
            if slot is None:
                return fill(linear, access, answer)
            self.count += 1
            answered.add(linear >> 12 & 0xF_FFFF)
            slot[0], slot[1] = pte & 0xFFFF_F000, rights
            return True

        return callback

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
        ppn = self.mmu.translate_fetch(linear, user).page >> 12
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
        bits = 32 if vcpu.area.code32 else 16
        if self.policy == "native":
            return _VIEWS[bits, None]
        if vcpu.flags_native:
            return _VIEWS[bits, Closing.KERNEL]
        if self.policy == "fast" and vcpu.cpl == 3 and vcpu.iopl < 3:
            return _VIEWS[bits, Closing.USER]
        return _VIEWS[bits, Closing.ALL]
