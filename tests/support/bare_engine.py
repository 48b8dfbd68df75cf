# SPDX-License-Identifier: GPL-2.0-or-later
"""One instruction on the bare engine: how long it takes it to be, and whether it refuses it."""

from dataclasses import dataclass

from unicorn import UC_ARCH_X86, UC_HOOK_CODE, UC_HOOK_INSN_INVALID, UC_HOOK_INTR, Uc, UcError
from unicorn.unicorn_const import UC_ERR_INSN_INVALID, UC_MODE_16, UC_MODE_32, UC_MODE_64
from unicorn.x86_const import UC_X86_REG_CR4

MODES = {16: UC_MODE_16, 32: UC_MODE_32, 64: UC_MODE_64}
OSFXSR = 0x600
REFUSED = 0xF1F1F1F1  # the size of an instruction that the engine could not translate
SITE, LIMIT = 0x8000, 0x10000
UD = 6


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the engine made of the bytes: a length, or None when it raised #UD for them."""

    length: int | None


class BareEngine:
    """64 KiB of memory at 0, ring 0, no paging; every instruction starts from the same state."""

    def __init__(self, bits: int) -> None:
        self.uc = Uc(UC_ARCH_X86, MODES[bits])
        self.uc.mem_map(0, LIMIT)
        self.uc.reg_write(UC_X86_REG_CR4, OSFXSR)
        self.uc.hook_add(UC_HOOK_CODE, self._instruction)
        self.uc.hook_add(UC_HOOK_INSN_INVALID, self._invalid)
        self.uc.hook_add(UC_HOOK_INTR, self._interrupt)
        self.fresh = self.uc.context_save()
        self.sizes: list[int] = []
        self.invalid = False

    def run(self, code: bytes) -> Outcome:
        """Run the first instruction of ``code``; what it does to memory or registers is forgotten."""
        self.sizes.clear()
        self.invalid = False
        self.uc.mem_write(SITE, code + b"\xcc" * 16)
        self.uc.ctl_remove_cache(SITE, SITE + 64)
        try:
            self.uc.emu_start(SITE, LIMIT - 1, count=1)
        except UcError as error:
            self.invalid |= error.errno == UC_ERR_INSN_INVALID
        self.uc.context_restore(self.fresh)
        refused = self.invalid or not self.sizes or self.sizes[0] == REFUSED
        return Outcome(None if refused else self.sizes[0])

    def _instruction(self, _uc: Uc, _address: int, size: int, _data: object) -> None:
        self.sizes.append(size)

    def _invalid(self, uc: Uc, _data: object) -> bool:
        self.invalid = True
        uc.emu_stop()
        return True

    def _interrupt(self, uc: Uc, vector: int, _data: object) -> None:
        self.invalid |= vector == UD
        uc.emu_stop()
