# SPDX-License-Identifier: GPL-2.0-or-later
"""The life of code pages: made on the first fetch, shown to fetches only, checked block by block, dropped on a write.

A code page is a copy of a guest page in a frame of its own, with traps written in, keyed by guest-physical page and
view (width, and who runs there). A dropped page's frame is not used again until all translations are thrown away, so
translations of old content can never be reached: the engine finds them by frame.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from patcher.catalogue import SensitiveInsn
from patcher.patch import Tactic
from patcher.scan import Checked, PageScan, Verdict
from patcher.tactic import Closing, closer
from vmm.action import Action
from vmm.memory import GuestMemory

PAGE = 4096
_CLOSERS = {closing: closer(closing) for closing in Closing}


@dataclass(frozen=True, slots=True)
class View:
    """Who fetches: code width and what must be closed; `closing` None shows the page as it is (native runs)."""

    bits: int
    closing: Closing | None


@dataclass(slots=True)
class CodePage:
    """One page for fetches. `actions` remembers, per offset, what an exit there does."""

    ppn: int
    view: View
    frame: int
    shown: memoryview
    scan: PageScan
    actions: dict[int, Action] = field(default_factory=dict)


class OutOfFrames(Exception):
    """All frames are used: translations must be thrown away before another code page can be made."""


class CodePages:
    """All code pages of a machine, and which of them the engine may be fetching from.

    `forget` is called whenever the engine must lose its TLB (a page became writable, or stopped being so).
    """

    def __init__(self, memory: GuestMemory, frames: memoryview, forget: Callable[[], None]) -> None:
        self.memory = memory
        self.frames = frames
        self.count = len(frames) // PAGE
        self.forget = forget
        self.used = 0
        self.pages: dict[tuple[int, View], CodePage] = {}
        self.fetched: dict[int, CodePage] = {}  # linear page (| 1 << 20 in ring 3) -> page, since the last flush
        self.writable: set[int] = set()  # guest-physical pages that the engine may hold as writable
        self.answered: set[int] = set()  # linear pages that it may read or write, since the last flush
        self.scanned = self.checked = self.vetoed = self.dropped = 0
        self.watched: dict[int, list[CodePage]] = {}  # guest-physical page -> its code pages
        memory.watched, memory.on_write = self.watched, self.drop

    def get(self, ppn: int, view: View) -> CodePage:
        """The code page for (ppn, view), made if need be. Raises OutOfFrames."""
        page = self.pages.get((ppn, view))
        return page if page is not None else self._make(ppn, view)

    def _make(self, ppn: int, view: View) -> CodePage:
        if self.used == self.count:
            raise OutOfFrames
        frame, self.used = self.used, self.used + 1
        shown = self.frames[frame * PAGE : (frame + 1) * PAGE]
        original = self.memory.page(ppn)
        shown[:] = original
        closes = _CLOSERS[view.closing] if view.closing else _nothing
        page = CodePage(ppn, view, frame, shown, PageScan(original, shown, view.bits, closes))
        self.pages[ppn, view] = page
        self.watched.setdefault(ppn, []).append(page)
        self.scanned += 1
        return page

    def drop(self, ppn: int) -> None:
        """The page's content changes: no code page of it survives."""
        for page in self.watched.pop(ppn, ()):
            del self.pages[page.ppn, page.view]
            self.dropped += 1
        self.forget()

    def recycle(self) -> None:
        """Start over with all frames; the caller has thrown away every translation."""
        self.pages.clear()
        self.watched.clear()
        self.used = 0
        self.forget()

    def check(self, linear: int, size: int, user: int) -> Verdict:
        """Check a translated block of `size` bytes at `linear`, fetched by ring 3 when `user` is 1 << 20."""
        self.checked += 1
        start, end = linear & 0xFFF, (linear & 0xFFF) + size
        result = self._check_page(linear, start, end, user)
        if result.verdict is Verdict.SAFE and end > PAGE:
            following = (linear & 0xFFFF_F000) + PAGE & 0xFFFF_FFFF
            result = self._check_page(following, result.next - PAGE, end - PAGE, user)
        if result.verdict is not Verdict.SAFE:
            self.vetoed += 1
        return result.verdict

    def _check_page(self, linear: int, start: int, end: int, user: int) -> Checked:
        page = self.fetched.get(linear >> 12 | user)
        if page is None:  # fetches were forgotten while the block was being translated
            return Checked(Verdict.CHANGED, start)
        return page.scan.check(start, end, lambda: self.tail(linear, user))

    def tail(self, linear: int, user: int) -> bytes:
        """The first bytes of the page after `linear`'s, as fetched now; empty when that page is not mapped."""
        following = self.fetched.get((linear >> 12) + 1 & 0xF_FFFF | user)
        return b"" if following is None else bytes(following.scan.original[:15])

    def sites_by_tactic(self) -> dict[str, int]:
        counts: dict[str, int] = {}
        for page in self.pages.values():
            for patch in page.scan.patches.values():
                counts[patch.tactic.value] = counts.get(patch.tactic.value, 0) + 1
        return counts


def _nothing(_row: SensitiveInsn) -> Tactic | None:
    return None
