# SPDX-License-Identifier: GPL-2.0-or-later
"""The stub area: fetch-only pages at linear addresses where the guest has nothing mapped, and the sites they serve.

Data accesses there get the guest's own answer. When the guest maps the place, all stubs are taken back; sites that
are hot again get new ones elsewhere. A guest that leaves no room keeps its traps.
"""

from collections.abc import Callable

from patcher.patch import Patch, PatchState, Tactic
from patcher.scan import CROSSING, PAGE, UNKNOWN
from patcher.stub import JUMP, Stub, build, covered, effect_in_stub, jump
from patcher.x86.insn import Insn
from vmm.action import Action
from vmm.code_pages import CodePage, CodePages, OutOfFrames, StubPage
from vmm.mmu import MASK, Mmu

AREA_PAGES = 16
LARGE = 1 << 22
HOT = frozenset((32, 2048, 65536))  # at these exits of a site it is promoted (again, if it had to give way)
REFUSED = "no stub"
_GUARD = 96  # more than any stub


class Stubs:
    """All stubs of a machine. `translations_gone(begin, end)` drops the engine's blocks of a linear range."""

    def __init__(self, code: CodePages, mmu: Mmu, translations_gone: Callable[[int, int], None]) -> None:
        self.code, self.mmu, self.translations_gone = code, mmu, translations_gone
        self.base: int | None = None
        self.pages: dict[int, StubPage] = {}  # by linear page
        self.origins: dict[int, int | None] = {}  # linear address in a stub -> the guest's own, None half way
        self.entries: set[int] = set()  # where stubs begin
        self.homes: dict[int, CodePage] = {}  # id of a code page that has stubs -> the page
        self.promoted = self.refused = self.moves = 0

    # --- promotion

    def promote(self, page: CodePage, linear: int, insn: Insn, slow: Callable[[Insn, int], Action]) -> int | None:
        """Close the trapped site at `linear` by a stub, or note at its patch why that cannot be.

        `slow(insn, linear)` makes the action for a trap in the stub that stands for the instruction at `linear`. The
        result is the linear address in the stub at which to go on behind the instruction, None without a stub: going
        on at its neighbour would take the jump that covers it back.
        """
        patch = page.scan.patches.get(linear & 0xFFF)
        if patch is None or patch.tactic is not Tactic.TRAP or patch.reason.startswith(REFUSED):
            return None
        if effect_in_stub(insn) is None:
            return None
        insns = covered(insn, self._following(page, linear & 0xFFF))
        if isinstance(insns, str):
            self._refuse(patch, insns)
            return None
        where = self._room()
        if where is None:
            return None
        try:
            stub = build(insns, where, linear)
        except ImportError:
            self._refuse(patch, "Keystone is not installed")
            return None
        self._write(stub, where, linear, slow)
        self._lead(page, patch, linear, where)
        return next(where + offset for offset, origin in stub.origins.items() if origin == len(insn.raw))

    def _refuse(self, patch: Patch, reason: str) -> None:
        patch.reason = f"{REFUSED}: {reason}"
        self.refused += 1

    @staticmethod
    def _following(page: CodePage, offset: int) -> Callable[[int], Insn | None]:
        scan = page.scan

        def following(distance: int) -> Insn | None:
            at = offset + distance
            if at + 15 >= PAGE or scan.lengths[at] in (UNKNOWN, CROSSING):
                return None
            insn = scan.decode_at(at, lambda: b"")
            known = at not in scan.patches or (insn is not None and effect_in_stub(insn) is not None)
            return insn if known else None

        return following

    def _write(self, stub: Stub, where: int, linear: int, slow: Callable[[Insn, int], Action]) -> None:
        target, start = self.pages[where >> 12], where & 0xFFF
        target.shown[start : start + len(stub.code)] = stub.code
        target.used = start + len(stub.code)
        self.entries.add(where)
        for offset, origin in stub.origins.items():
            self.origins[where + offset] = None if origin is None else linear + origin & MASK
        for offset, (distance, insn) in stub.slow.items():
            target.actions[start + offset] = slow(insn, linear + distance & MASK)

    def _lead(self, page: CodePage, patch: Patch, linear: int, where: int) -> None:
        """Put the jump to the stub at `where` over the site."""
        offset = linear & 0xFFF
        patch.original = bytes(page.scan.original[offset : offset + JUMP])
        patch.replacement = jump(linear, where)
        patch.tactic = Tactic.STUB
        page.scan.put(patch)
        page.home = linear >> 12
        self.homes[id(page)] = page
        self.promoted += 1
        self.translations_gone(linear, linear + JUMP)

    def _room(self) -> int | None:
        """The linear address of the next stub; None when the guest leaves none."""
        if self.base is None:
            self.base = self._find_base()
            if self.base is None:
                return None
        for number in range(AREA_PAGES):
            linear_page = (self.base >> 12) + number
            page = self.pages.get(linear_page)
            if page is None:
                page = self._make(linear_page)
                if page is None:
                    return None
            if page.used + _GUARD <= PAGE:
                return (linear_page << 12) + page.used
        return None

    def _make(self, linear_page: int) -> StubPage | None:
        try:
            frame, shown = self.code.take_frame()
        except OutOfFrames:
            return None
        shown[:] = b"\xcc" * PAGE
        page = self.pages[linear_page] = StubPage(frame, shown)
        return page

    def _find_base(self) -> int | None:
        """Sixteen pages that no page table maps, from the top of the linear space down."""
        for base in range(0x1_0000_0000 - LARGE, 0, -LARGE):
            if not any(self.mmu.is_mapped(base + (n << 12)) for n in range(AREA_PAGES)):
                return base
        return None

    # --- taking back

    def demote_page(self, page: CodePage) -> None:
        """The code page is fetched at a second linear address, from where its jumps would lead elsewhere."""
        self.homes.pop(id(page), None)
        page.home = None
        for patch in page.scan.patches.values():
            if patch.tactic is Tactic.STUB:
                enabled = patch.state is PatchState.ENABLED
                patch.disable(page.shown, "fetched at two linear addresses")
                if enabled:
                    page.scan.put(patch)

    def reset(self) -> None:
        """Forget all stubs; pages that jump to them are made anew. Frames come back when all are recycled."""
        self.moves += 1
        for page in list(self.homes.values()):
            self.code.drop(page.ppn)
        self.clear()

    def clear(self) -> None:
        self.homes.clear()
        self.pages.clear()
        self.origins.clear()
        self.entries.clear()
        self.base = None
