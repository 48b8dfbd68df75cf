# SPDX-License-Identifier: GPL-2.0-or-later
"""What one instruction reads and writes on the bare engine, seen by memory hooks."""

from dataclasses import dataclass

from unicorn import (
    UC_ARCH_X86,
    UC_HOOK_INSN_INVALID,
    UC_HOOK_INTR,
    UC_HOOK_MEM_READ,
    UC_HOOK_MEM_WRITE,
    UC_MEM_WRITE,
    UC_MODE_32,
    Uc,
    UcError,
)
from unicorn.x86_const import (
    UC_CPU_X86_QEMU32,
    UC_X86_REG_CR4,
    UC_X86_REG_EAX,
    UC_X86_REG_EBP,
    UC_X86_REG_EBX,
    UC_X86_REG_ECX,
    UC_X86_REG_EDI,
    UC_X86_REG_EDX,
    UC_X86_REG_ESI,
    UC_X86_REG_ESP,
)

LIMIT, SITE = 0x10000, 0x8000
REGISTERS = (
    UC_X86_REG_EAX, UC_X86_REG_ECX, UC_X86_REG_EDX, UC_X86_REG_EBX,
    UC_X86_REG_ESP, UC_X86_REG_EBP, UC_X86_REG_ESI, UC_X86_REG_EDI,
)  # fmt: skip
VALUES = (1, 1, 1, 0x2000, 0x5000, 0x6000, 0x3000, 0x4000)
"""Each pointer has a page of its own; the stack begins with the page below."""
OSFXSR, UD = 0x600, 6


@dataclass(frozen=True, slots=True)
class Seen:
    """One access of the engine's."""

    address: int
    size: int
    write: bool


class AccessWitness:
    """64 KiB of zeroes at 0, ring 0, no paging; every instruction starts with `VALUES` in the registers."""

    def __init__(self) -> None:
        self.uc = Uc(UC_ARCH_X86, UC_MODE_32)
        self.uc.ctl_set_cpu_model(UC_CPU_X86_QEMU32)
        self.uc.mem_map(0, LIMIT)
        self.uc.reg_write(UC_X86_REG_CR4, OSFXSR)
        for register, value in zip(REGISTERS, VALUES, strict=True):
            self.uc.reg_write(register, value)
        self.uc.hook_add(UC_HOOK_MEM_READ | UC_HOOK_MEM_WRITE, self._access)
        self.uc.hook_add(UC_HOOK_INSN_INVALID, self._invalid)
        self.uc.hook_add(UC_HOOK_INTR, self._interrupt)
        self.fresh = self.uc.context_save()
        self.seen: list[Seen] = []
        self.invalid = False

    def run(self, code: bytes) -> list[Seen] | None:
        """The accesses of the first instruction of `code`, in order; None when the engine has no such instruction."""
        self.seen, self.invalid = [], False
        self.uc.mem_write(0, bytes(LIMIT))
        self.uc.mem_write(SITE, code + b"\xcc" * 16)
        self.uc.ctl_remove_cache(SITE, SITE + 64)
        try:
            self.uc.emu_start(SITE, LIMIT - 1, count=1)
        except UcError:
            self.invalid = True
        self.uc.context_restore(self.fresh)
        return None if self.invalid else self.seen

    def _access(self, _uc: Uc, kind: int, address: int, size: int, _value: int, _data: object) -> None:
        self.seen.append(Seen(address, size, kind == UC_MEM_WRITE))

    def _invalid(self, uc: Uc, _data: object) -> bool:
        self.invalid = True
        uc.emu_stop()
        return True

    def _interrupt(self, uc: Uc, vector: int, _data: object) -> None:
        self.invalid |= vector == UD
        uc.emu_stop()
