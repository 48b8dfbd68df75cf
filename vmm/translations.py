# SPDX-License-Identifier: GPL-2.0-or-later
"""What is remembered of the guest's page tables, and the one place that forgets it."""

from vmm.code_pages import CodePages
from vmm.engine.unicorn_engine import UnicornEngine
from vmm.mmu import Mmu


class Translations:
    """The `tlb` of a vCPU: the engine's, the monitor's own, and which pages are being fetched from."""

    def __init__(self, engine: UnicornEngine, code: CodePages, mmu: Mmu) -> None:
        self._flush_engine = engine.flush_tlb
        self._code, self._mmu = code, mmu

    def flush(self) -> None:
        self._mmu.flush()
        self.mode_changed()

    def flush_page(self, linear: int) -> None:
        self._mmu.flush_page(linear)
        self.mode_changed()

    def mode_changed(self) -> None:
        self._flush_engine()
        self._code.fetched.clear()
        self._code.writable.clear()
