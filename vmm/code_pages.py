# SPDX-License-Identifier: GPL-2.0-or-later
"""The life of code pages: made on the first fetch, shown to fetches only, checked block by block, dropped on a write.

A code page is a copy of a guest page in a frame of its own, with traps written in, keyed by guest-physical page and
view (width, and who runs there). A dropped page's frame is not used again until all translations are thrown away, so
translations of old content can never be reached: the engine finds them by frame.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from patcher.catalogue import SensitiveInsn
from patcher.catalogue.invalid import DISPUTED, HIDING
from patcher.check import Refuses, Verdict, check, check_tail, hides
from patcher.inherit import inherit
from patcher.patch import Patch, PatchState, Tactic
from patcher.patch_map import PatchMap
from patcher.scan import MAX_LENGTH, PageScan
from patcher.tactic import Closing, closer
from vmm.action import Action
from vmm.errors import Unsupported
from vmm.memory import GuestMemory

PAGE = 4096
MOST_RETIRED = 64
MOST_PATCHES = 1 << 18  # between two recyclings: some 50 MiB
USER = 1 << 20  # in a key, beside the 20 bits of a linear page number: fetched by ring 3
LAST = USER - 1
_CLOSERS = {closing: closer(closing) for closing in Closing}


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """Who fetches: code width and what must be closed; `closing` None shows the page as it is (native runs).

    There is one object of each kind: views are compared and hashed by identity, at every fetch.
    """

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
    weight: int = 0  # patches when they were last counted
    home: int | None = None  # the linear page from which its jumps to stubs lead right; None: it has none


@dataclass(slots=True)
class StubPage:
    """One page of stubs, shown to fetches only; its unused bytes are int3."""

    frame: int
    shown: memoryview
    used: int = 0
    actions: dict[int, Action] = field(default_factory=dict)


Fetched = CodePage | StubPage
"""What a fetch may see."""


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
        self.retired: dict[
            tuple[int, View], CodePage
        ] = {}  # dropped, but what is known of them may still be true
        self.fetched: dict[
            int, Fetched
        ] = {}  # linear page (| 1 << 20 in ring 3) -> page, since the last flush
        self.writable: set[int] = set()  # guest-physical pages that the engine may hold as writable
        self.answered: set[int] = set()  # linear pages that it may read or write, since the last flush
        self.running: dict[int, Fetched] = {}  # what was fetched around EIP before the last flush
        self.where: Callable[[], int] = lambda: 0  # the linear page of EIP
        self.refuses: Refuses = lambda code: False
        self.lost = False  # a block could not be checked: all translations must go before the engine goes on
        self.alone: tuple[int, int] | None = (
            None  # linear address and size of the instruction that runs alone
        )
        self._uncovered: list[tuple[CodePage, Patch]] = []
        self.known: PatchMap | None = None  # what earlier runs found; grows with what this one finds
        self.made = self.checked = self.vetoed = self.dropped = 0
        self.laid = self.learned = (
            0  # pages of which all was known when they were made, and records that `known` got
        )
        self.weight = 0  # patches of all pages
        self.watched: dict[int, list[CodePage]] = {}  # guest-physical page -> its code pages
        memory.watched, memory.on_write = self.watched, self.drop

    def get(self, ppn: int, view: View) -> CodePage:
        """The code page for (ppn, view), made if need be. Raises OutOfFrames."""
        page = self.pages.get((ppn, view))
        return page if page is not None else self._make(ppn, view)

    def _make(self, ppn: int, view: View) -> CodePage:
        frame, shown = self.take_frame()
        original = bytes(self.memory.page(ppn))
        shown[:] = original
        closes = _CLOSERS[view.closing] if view.closing else _nothing
        page = CodePage(ppn, view, frame, shown, PageScan(original, shown, view.bits, closes))
        old, anew = self.retired.pop((ppn, view), None), range(0)
        if old is not None:
            # a site that had a stub counts anew: else it would trap for ever, past the counts at which it is promoted
            stubs = {at for at, patch in old.scan.patches.items() if patch.tactic is Tactic.STUB}
            anew = inherit(page.scan, old.scan)
            page.actions.update(
                (at, a) for at, a in old.actions.items() if at not in anew and at not in stubs
            )
        page.scan.pin()
        self.pages[ppn, view] = page
        self.watched.setdefault(ppn, []).append(page)
        self.made += 1
        self.laid += self._laid(page) if old is None else not anew
        return page

    def _laid(self, page: CodePage) -> bool:
        """Lay a new page with what a map knows of it, if any does."""
        closing = page.view.closing
        return self.known is not None and closing is not None and self.known.lay(page.scan, closing)

    def take_frame(self) -> tuple[int, memoryview]:
        """A frame that no translation knows, and its bytes. Raises OutOfFrames."""
        if self.used == self.count:
            raise OutOfFrames
        frame, self.used = self.used, self.used + 1
        return frame, self.frames[frame * PAGE : (frame + 1) * PAGE]

    def drop(self, ppn: int) -> None:
        """The page's content changes: no code page of it survives."""
        for page in self.watched.pop(ppn, ()):
            self._learn(page)
            self.retired[page.ppn, page.view] = self.pages.pop((page.ppn, page.view))
            self.weight -= page.weight
            self.dropped += 1
        while len(self.retired) > MOST_RETIRED:
            del self.retired[next(iter(self.retired))]
        self.forget()

    def learn(self) -> None:
        """Add what is known of all pages to `known`."""
        for page in self.pages.values():
            self._learn(page)

    def _learn(self, page: CodePage) -> None:
        if self.known is not None and page.view.closing:
            self.learned += self.known.learn(page.scan, page.view.closing)

    def recycle(self) -> None:
        """Start over with all frames; the caller has thrown away every translation."""
        self.learn()
        self.pages.clear()
        self.retired.clear()
        self.watched.clear()
        self.weight = 0
        self.used = 0
        self.forget()
        self.running.clear()
        self._uncovered.clear()
        self.lost = False

    def forget_fetches(self) -> None:
        """The engine has lost its TLB. It may still go on in blocks of the pages around EIP, chained to each other."""
        fetched = self.fetched
        if not fetched:
            return
        here, kept = self.where(), {}
        for page in (here - 1 & LAST, here, here + 1 & LAST):
            for key in (page, page | USER):
                known = fetched.get(key) or self.running.get(key)
                if known is not None:
                    kept[key] = known
        self.running = kept
        fetched.clear()

    def executed(self, key: int) -> Fetched | None:
        """The page that blocks at a linear page (| USER) come from, also when fetches were forgotten since."""
        return self.fetched.get(key) or self.running.get(key)

    # --- checks

    def check(self, linear: int, size: int, user: int) -> Verdict:
        """Check a translated block of `size` bytes at `linear`, fetched by ring 3 when `user` is USER."""
        self.checked += 1
        key = linear >> 12 | user
        page = self.fetched.get(key)
        if not isinstance(page, CodePage):  # fetches were forgotten while the block was being translated
            self.lost = True
            verdict = Verdict.CHANGED
        elif self.alone is not None and self.alone[0] == linear:
            verdict = self._check_alone(linear, size, key)
        else:
            start = linear & 0xFFF
            verdict = self._check_pages(page, key, start, start + size)
        if verdict is not Verdict.SAFE:
            self.vetoed += 1
        if isinstance(page, CodePage) and self._too_heavy(page):
            self.lost = True
            return Verdict.CHANGED
        return verdict

    def _too_heavy(self, page: CodePage) -> bool:
        """A page made of nothing but sensitive instructions has four thousand patches: the sum is bounded."""
        patches = len(page.scan.patches)
        self.weight += patches - page.weight
        page.weight = patches
        return self.weight > MOST_PATCHES

    def _check_pages(self, page: CodePage, key: int, start: int, end: int) -> Verdict:
        result = check(page.scan, start, end, lambda: self.tail(key), self.refuses)
        if result.verdict is not Verdict.SAFE or end <= PAGE:
            return result.verdict
        key = self._following(key)
        second = self.fetched.get(key)
        if not isinstance(second, CodePage):
            self.lost = True
            return Verdict.CHANGED
        start, end = result.next - PAGE, end - PAGE
        if start > end and not self.refuses(page.scan.original[result.last :] + second.scan.original[:end]):
            page.scan.close(result.last, DISPUTED)
            return Verdict.CHANGED
        if start < end:
            verdict = check(second.scan, start, end, lambda: self.tail(key), self.refuses).verdict
            if verdict is not Verdict.SAFE:
                return verdict
        # last, since that check may have found and closed what lies here
        if check_tail(second.scan, min(start, end)) is not Verdict.SAFE:
            if hides(second.scan, 0, start):
                page.scan.close(result.last, HIDING)
            return Verdict.CHANGED
        return Verdict.SAFE

    def tail(self, key: int) -> bytes:
        """The first bytes of the page after `key`'s, as fetched now; empty when that page is not mapped."""
        following = self.fetched.get(self._following(key))
        return following.scan.original[:MAX_LENGTH] if isinstance(following, CodePage) else b""

    @staticmethod
    def _following(key: int) -> int:
        return key & USER | key + 1 & LAST

    # --- what the engine must not translate

    def settle(self, key: int, page: CodePage) -> bool:
        """A page is about to be fetched at `key`. True: not now, it makes the end of the one before lethal."""
        if page.scan.head is not None:
            page.scan.settle_head(self.tail(key))
        before = self.fetched.get(key & USER | key - 1 & LAST)
        if not isinstance(before, CodePage) or before.scan.head is None:
            return False
        return before.scan.settle_head(page.scan.original[:MAX_LENGTH])

    def show_alone(self, linear: int, size: int, user: int) -> None:
        """The engine is to run one instruction by itself: show its original bytes, until `hide_again`."""
        self.alone = linear, size
        for key, start, end in self._spans(linear, size, user):
            page = self.fetched.get(key)
            if isinstance(page, CodePage):
                self._uncover(page, start, end)

    def hide_again(self) -> None:
        """The instruction that ran alone is done."""
        self.alone = None
        while self._uncovered:
            page, patch = self._uncovered.pop()
            page.shown[patch.site : patch.end] = patch.replacement

    def _check_alone(self, linear: int, size: int, key: int) -> Verdict:
        """The block must be the one instruction and show its original bytes; what hides any of them is lifted."""
        assert self.alone is not None
        code, uncovered = b"", len(self._uncovered)
        for part, start, end in self._spans(linear, self.alone[1], key & USER):
            page = self.fetched.get(part)
            if page is None:
                return Verdict.CHANGED
            if isinstance(page, CodePage):
                code += page.scan.original[start:end]
                self._uncover(page, start, end)
        if len(self._uncovered) != uncovered:
            return Verdict.CHANGED
        if len(code) >= size and (size == self.alone[1] or self.refuses(code[:size])):
            return Verdict.SAFE
        raise Unsupported(f"the instruction {code.hex(' ')}, which the engine decodes differently")

    def _uncover(self, page: CodePage, start: int, end: int) -> None:
        for patch in page.scan.patches.values():
            if patch.state is PatchState.ENABLED and patch.site < end and patch.end > start:
                at = slice(patch.site, patch.end)
                if page.shown[at] != patch.original:
                    page.shown[at] = patch.original
                    self._uncovered.append((page, patch))

    @staticmethod
    def _spans(linear: int, size: int, user: int) -> list[tuple[int, int, int]]:
        """Keys of the pages that [linear, linear + size) touches, with the offsets in each."""
        start, key = linear & 0xFFF, linear >> 12 | user
        if start + size <= PAGE:
            return [(key, start, start + size)]
        return [(key, start, PAGE), (CodePages._following(key), 0, start + size - PAGE)]

    def sites_by_tactic(self) -> dict[str, int]:
        counts: dict[str, int] = {}
        for page in self.pages.values():
            for patch in page.scan.patches.values():
                counts[patch.tactic.value] = counts.get(patch.tactic.value, 0) + 1
        return counts


def _nothing(_row: SensitiveInsn) -> Tactic | None:
    return None
