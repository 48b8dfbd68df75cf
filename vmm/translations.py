# SPDX-License-Identifier: GPL-2.0-or-later
"""What is remembered of the guest's page tables, and the one place that forgets it."""

from vmm.code_pages import CodePages
from vmm.engine.unicorn_engine import UnicornEngine
from vmm.mmu import USER, Mmu


class Translations:
    """The `tlb` of a vCPU: the engine's, the monitor's own, and which pages are being fetched from."""

    def __init__(self, engine: UnicornEngine, code: CodePages, mmu: Mmu) -> None:
        self._flush_engine = engine.flush_tlb
        self._code, self._mmu = code, mmu

    def flush(self) -> None:
        self._mmu.flush()
        self.mode_changed()

    def flush_page(self, linear: int) -> None:
        """Forget one page. The engine can only forget all, and need not when it was never told of that page."""
        large = linear >> 22 in self._mmu.large
        self._mmu.flush_page(linear)
        page, code = linear >> 12, self._code
        if large or page in code.answered or page in code.fetched or page | USER in code.fetched:
            self.mode_changed()

    def mode_changed(self) -> None:
        self._flush_engine()
        self._code.forget_fetches()
        self._code.writable.clear()
        self._code.answered.clear()
