# SPDX-License-Identifier: GPL-2.0-or-later
"""The virtual processor: the guest's registers (live in the engine) and its virtual privileged state (kept here).

The guest's ring 0 runs at engine ring 1, its ring 3 at engine ring 3. Selectors, bases and the interrupt flag are the
engine's own; IOPL, the control registers and the system tables are virtual. `Ring map` below is the whole of it.
"""

from collections.abc import Callable
from typing import Protocol

from patcher.x86.flags import AC
from patcher.x86.insn import Insn
from patcher.x86.paging import CR0_PG
from patcher.x86.segment import Segment, TableRegister
from vmm.clock import Clock
from vmm.cpu_model import CpuModel
from vmm.engine.state_area import ARITHMETIC, DF, LDTR, StateArea
from vmm.engine.state_layout import CC_OP_EFLAGS
from vmm.mmu import Mmu
from vmm.processor import Coprocessor

IF, IOPL, TF, RF = 0x200, 0x3000, 0x100, 0x10000
CR0_AM = 1 << 18
NULL = Segment(0, 0, 0, 0)


class Ports(Protocol):
    """What effects need of the port bus."""

    def read(self, port: int, size: int) -> int: ...
    def write(self, port: int, size: int, value: int) -> None: ...


class Tlb(Protocol):
    """The engine's translations, flushed when the guest says so."""

    def flush(self) -> None: ...
    def flush_page(self, linear: int) -> None: ...
    def mode_changed(self) -> None: ...


class Vcpu:
    """Guest state. Effects change it through these members only; none of them checks what the guest may do."""

    def __init__(self, area: StateArea, mem: Mmu, bus: Ports, model: CpuModel, clock: Clock, fast: bool) -> None:
        self.area = area
        self.regs = area.regs
        self.mem = mem
        self.bus = bus
        self.model = model
        self.clock = clock
        self.fast = fast  # cli and sti may act on the real interrupt flag
        self.floats = area.floats
        self.coprocessor: Coprocessor = _NoCoprocessor()
        self._words = area.words
        self._eip_word, self._eflags_word = area.eip_word, area.layout.eflags // 4
        self._cc_op, self._cc_src, self._df = (area.layout.cc_op // 4, area.layout.cc_src // 4, area.layout.df // 4)
        self._segments = [area.segment(i) if i < LDTR else NULL for i in range(8)]
        self.cpl = 0
        self.iopl = 0
        self.cr0, self.cr2, self.cr3, self.cr4 = 0x11, 0, 0, 0
        self.dr = [0, 0, 0, 0, 0, 0, 0xFFFF_0FF0, 0x400]
        self.msrs: dict[int, int] = {}
        self.gdtr, self.idtr = TableRegister(0, 0xFFFF), TableRegister(0, 0x3FF)
        self.halted = False
        self.shadow = False  # the last instruction holds interrupts off for the one at shadow_eip
        self.shadow_eip = 0
        self.tlb: Tlb = _NoTlb()
        self.on_aligned_only: Callable[[], None] = lambda: None  # unaligned accesses are #AC from here on
        self.apply_ring()

    def start(self, cr0: int, eflags: int) -> None:
        """Ring 0 with these control bits, everything else as after a reset."""
        self.cr2 = self.cr3 = self.cr4 = 0
        self.dr[:] = [0, 0, 0, 0, 0, 0, 0xFFFF_0FF0, 0x400]
        self.msrs.clear()
        self._segments[LDTR:] = [NULL, NULL]
        self.halted = self.shadow = False
        self.cr0, self.cpl = cr0, 0
        self.apply_ring()
        self.eflags = eflags
        self.mode_changed()

    # --- registers

    @property
    def eip(self) -> int:
        return self._words[self._eip_word]

    @eip.setter
    def eip(self, value: int) -> None:
        self._words[self._eip_word] = value & 0xFFFF_FFFF

    @property
    def eflags(self) -> int:
        """EFLAGS as the guest must see it (`StateArea.eflags`, laid straight)."""
        words = self._words
        if words[self._cc_op] == CC_OP_EFLAGS:
            direction = DF if words[self._df] & 0x8000_0000 else 0
            kept = words[self._eflags_word] & ~(ARITHMETIC | DF | IOPL)
            return kept | words[self._cc_src] & ARITHMETIC | direction | self.iopl << 12
        return self.area.computed_flags() & ~IOPL | self.iopl << 12

    @eflags.setter
    def eflags(self, value: int) -> None:
        iopl = value >> 12 & 3
        if iopl != self.iopl:
            self.iopl = iopl
            self.tlb.mode_changed()  # code is shown differently
        self.area.eflags = value & ~(IOPL | RF) | self._engine_iopl() << 12
        if self.cpl == 3:
            self._note_alignment()

    def _note_alignment(self) -> None:
        """In ring 3: are unaligned accesses #AC now (SDM vol. 3A, 6.15)? While CR0.AM is set, AC never changes there
        without our knowing.
        """
        checked = bool(self.cr0 & CR0_AM and self.area.control_flags & AC)
        self.mem.aligned_only = checked
        if checked:
            self.on_aligned_only()

    @property
    def interrupt_flag(self) -> bool:
        return bool(self.area.control_flags & IF)

    def advance(self, insn: Insn) -> None:
        """Step over the instruction that an effect has completed."""
        words, at = self._words, self._eip_word
        words[at] = words[at] + len(insn.raw) & (0xFFFF_FFFF if insn.bits == 32 else 0xFFFF)

    # --- segments

    def segment(self, index: int) -> Segment:
        """Kept beside the engine's copy: no guest instruction loads a segment without coming to us."""
        return self._segments[index]

    def selector(self, index: int) -> int:
        """The visible part of `segment(index)`."""
        return self._segments[index].selector

    def load_segment(self, index: int, segment: Segment) -> None:
        self._segments[index] = segment
        if index >= LDTR:
            return
        area = self.area
        wide = area.code32, area.stack32
        area.load_segment(index, segment)
        if (area.code32, area.stack32) != wide:
            area.control_flags = area.control_flags & ~IOPL | self._engine_iopl() << 12  # stubs count on it
            self.tlb.mode_changed()

    # --- ring map

    def set_cpl(self, cpl: int) -> None:
        """Enter virtual ring `cpl`: rings 0 and 3 share no translations in the engine, the others share ring 0's."""
        if cpl == self.cpl:
            return
        flush = 0 < cpl < 3 or 0 < self.cpl < 3
        self.cpl = cpl
        self.apply_ring()
        if flush:
            self.tlb.mode_changed()

    def apply_ring(self) -> None:
        """Ring map: virtual 0 and 1 run at engine ring 1, 2 at 2, 3 at 3."""
        self.mem.user = self.cpl == 3
        self.area.engine_cpl = self.cpl or 1
        self.area.control_flags = self.area.control_flags & ~IOPL | self._engine_iopl() << 12
        if self.cpl == 3:
            self._note_alignment()
        else:
            self.mem.aligned_only = False

    def _engine_iopl(self) -> int:
        """What makes the engine itself treat cli and sti as the guest expects, or fault where it must come to us."""
        if self.cpl == 3:
            return self.iopl if self.iopl < 3 else 0  # with IOPL 3 the user's cli and sti must come to us
        return 1 if self.flags_native else 0

    @property
    def flags_native(self) -> bool:
        """May ring 0's code be shown with cli, sti and the stubs of pushf and popf acting on the real flag?"""
        return self.fast and not self.cpl and not self.iopl and self.area.stack32

    # --- control registers

    def write_cr0(self, value: int) -> None:
        self.cr0 = value
        self.mode_changed()

    def write_cr3(self, value: int) -> None:
        self.cr3 = value
        self.mem.set_mode(self.cr0, value, self.cr4, self.efer)
        if self.cr0 & CR0_PG:
            self.tlb.flush()

    def write_cr4(self, value: int) -> None:
        self.cr4 = value
        self.mode_changed()

    @property
    def efer(self) -> int:
        return self.msrs.get(0xC000_0080, 0)

    def mode_changed(self) -> None:
        """CR0, CR4 or EFER changed: tell the engine's FPU, the page walk and the translations."""
        self.area.set_fpu_mode(self.cr0, self.cr4, bool(self.floats.unmasked))
        self.mem.set_mode(self.cr0, self.cr3, self.cr4, self.efer)
        self.tlb.flush()

    def floats_changed(self) -> None:
        """What x87 or SSE mask has changed, or whether an error waits: as long as they do not mask all, every operation
        comes to us.
        """
        self.area.set_fpu_mode(self.cr0, self.cr4, bool(self.floats.unmasked))
        if not self.floats.pending:
            self.coprocessor.error_gone()

    def tsc(self) -> int:
        """The time-stamp counter: one count a nanosecond of virtual time, plus what the guest wrote to it."""
        return (self.clock.now() + self.msrs.get(0x10, 0)) & 0xFFFF_FFFF_FFFF_FFFF


class _NoCoprocessor:
    """Before the devices are wired, and in tests."""

    def error(self) -> bool:
        return True

    def error_gone(self) -> None: ...


class _NoTlb:
    """Before the engine is wired, and in tests."""

    def flush(self) -> None: ...
    def flush_page(self, linear: int) -> None: ...
    def mode_changed(self) -> None: ...
