# SPDX-License-Identifier: GPL-2.0-or-later
"""What a boot protocol is told, and the processor state that it asks for."""

from dataclasses import dataclass

from patcher.x86.segment import Segment

CODE_FLAGS, DATA_FLAGS = 0x00C0_9B00, 0x00C0_9300
"""High descriptor words of flat segments: present, DPL 0, accessed, 32-bit, in pages (SDM vol. 3A, 3.4.5)."""
CR0_PROTECTED = 0x11
"""CR0 at a kernel's entry: PE and ET, so protected mode without paging."""


@dataclass(frozen=True, slots=True)
class Module:
    """A Multiboot module: its bytes and the text that goes with it (file name and arguments)."""

    data: bytes
    text: str = ""


@dataclass(frozen=True, slots=True)
class BootOptions:
    """What to boot with, besides the kernel itself.

    `initrd` is a file as `-initrd` names it, or its bytes: the initial RAM disk of a Linux kernel; for a
    Multiboot kernel modules, as in QEMU ("FILE ARGS,FILE ARGS", where ",," is one comma). `modules` go first.
    `address` loads the file as a flat binary at this guest-physical address, whatever its contents look like.
    `memory` is how many bytes of RAM the guest is told of; None: all there is.
    """

    append: str = ""
    initrd: str | bytes | None = None
    modules: tuple[Module, ...] = ()
    address: int | None = None
    memory: int | None = None


DEFAULTS = BootOptions()


@dataclass(frozen=True, slots=True)
class BootState:
    """The virtual processor's first state. All segments are flat: base 0, 4 GiB, 32-bit, ring 0.

    `regs` are eax ecx edx ebx esp ebp esi edi; `cs` and `ds` are selectors, `ds` for all five data segments;
    `gdtr` and `idtr` are (guest-physical base, limit in bytes, inclusive). Interrupts are off, paging too.
    """

    protocol: str
    eip: int
    regs: tuple[int, int, int, int, int, int, int, int]
    cs: int
    ds: int
    gdtr: tuple[int, int]
    idtr: tuple[int, int] = (0, 0)
    cr0: int = CR0_PROTECTED
    eflags: int = 2

    @property
    def segments(self) -> tuple[Segment, ...]:
        """ES, CS, SS, DS, FS and GS with their hidden parts."""
        code = Segment(self.cs, 0, 0xFFFF_FFFF, CODE_FLAGS)
        data = Segment(self.ds, 0, 0xFFFF_FFFF, DATA_FLAGS)
        return (data, code, data, data, data, data)
