# SPDX-License-Identifier: GPL-2.0-or-later
"""The record of one closed site: what stood there, what stands there now, how and why; always reversible."""

from dataclasses import dataclass
from enum import Enum

from patcher.catalogue import SensitiveInsn

INT3 = b"\xcc"


class Tactic(Enum):
    """How a site is closed, best for the guest's speed last."""

    TURNS = "turns"  # a trap that gives way while another instruction with this byte inside is translated
    TRAP = "trap"  # int3 over the first byte
    STUB = "stub"  # a jump to code that does the work inside the guest's world


class PatchState(Enum):
    """PLANNED: not yet written. ENABLED: in the code page. DISABLED: taken back. REFUSED: cannot be closed so."""

    PLANNED = "planned"
    ENABLED = "enabled"
    DISABLED = "disabled"
    REFUSED = "refused"


@dataclass(slots=True)
class Patch:
    """One site of a page. `site` is an offset in the page; `original` and `replacement` are equally long."""

    site: int
    row: SensitiveInsn
    original: bytes
    replacement: bytes
    tactic: Tactic
    state: PatchState = PatchState.PLANNED
    reason: str = ""
    pinned: bool = False  # hides what the engine must not translate, so no other decoding may have it taken back

    @property
    def end(self) -> int:
        return self.site + len(self.replacement)

    def enable(self, shown: memoryview) -> None:
        """Write the replacement into the page that is shown to fetches."""
        shown[self.site : self.end] = self.replacement
        self.state = PatchState.ENABLED

    def disable(self, shown: memoryview, reason: str) -> None:
        """Put the original bytes back. A stub that had to go is not tried again: the site will trap."""
        shown[self.site : self.end] = self.original
        self.state, self.reason = PatchState.DISABLED, reason
        if self.tactic is Tactic.STUB:
            self.give_up(reason)

    def give_up(self, reason: str) -> None:
        """A stub that cannot be: the site will trap."""
        self.original, self.replacement, self.tactic = self.original[:1], INT3, Tactic.TRAP
        self.reason = reason


def trap(site: int, row: SensitiveInsn, first: int) -> Patch:
    """The patch that is never longer than its victim."""
    return Patch(site, row, bytes((first,)), INT3, Tactic.TRAP)
