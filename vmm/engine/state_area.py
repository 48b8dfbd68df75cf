# SPDX-License-Identifier: GPL-2.0-or-later
"""The state area: the engine's processor image seen as words, as a hardware monitor sees its VMCS or VMCB.

All accesses go to one `memoryview`. Over a live engine the view *is* the engine's processor, so an access costs one
index; tests put a plain `bytearray` behind it and need no engine at all.
"""

from collections.abc import Callable

from patcher.x86.segment import Segment
from vmm.engine.float_area import FloatArea
from vmm.engine.state_layout import (
    CC_OP_EFLAGS,
    HF_ADDSEG,
    HF_CPL,
    HF_CS32,
    HF_EM,
    HF_INHIBIT_IRQ,
    HF_MP,
    HF_OSFXSR,
    HF_PE,
    HF_SS32,
    HF_TS,
    SEGMENT_BYTES,
    StateLayout,
)

ARITHMETIC = 0x8D5  # OF SF ZF AF PF CF: the flags the engine computes lazily
DF = 0x400
CR0_MP_EM_TS, CR0_EM_TS = 0xE, 0xC
CR4_OSFXSR = 0x200
BIG = 0x0040_0000  # the D/B bit in a segment's hidden flags
ES, CS, SS, DS, FS, GS, LDTR, TR = range(8)
_new = tuple.__new__  # makes a Segment in half the time that its own constructor takes


def _no_engine() -> int:
    raise AssertionError("arithmetic flags are held lazily although no engine is there")


class StateArea:
    """The engine's processor state; `words` is a memoryview of 32-bit words over the image.

    `lazy_flags`, kept as `computed_flags`, computes EFLAGS when the engine holds the arithmetic flags as "operation and
    operands"; without an engine the flags are always held as they stand.
    """

    __slots__ = (  # noqa: RUF023 (public ones first)
        "words", "regs", "floats", "running", "layout", "computed_flags", "eip_word", "cs_base_word",
        "_eflags", "_cc_src", "_cc_op", "_df", "_hflags", "_segments", "_cr", "_in_flight", "_error_code",
    )  # fmt: skip

    def __init__(self, image: memoryview, layout: StateLayout, lazy_flags: Callable[[], int] | None = None) -> None:
        self.running = False  # True inside the engine's callbacks
        self.words = image.cast("B").cast("I")
        self.layout = layout
        self.floats = FloatArea(image, layout.floats)
        self.computed_flags = lazy_flags or _no_engine
        first = layout.regs // 4
        self.regs = self.words[first : first + 16 : 2]
        self.eip_word = layout.eip // 4
        self._eflags = layout.eflags // 4
        self._cc_src = layout.cc_src // 4
        self._cc_op = layout.cc_op // 4
        self._df = layout.df // 4
        self._hflags = layout.hflags // 4
        self._segments = layout.segments // 4
        self._cr = layout.cr // 4
        self._in_flight = layout.old_exception // 4
        self._error_code = layout.error_code // 4
        self.cs_base_word = self._segments + SEGMENT_BYTES // 4 * CS + 2

    def release(self) -> None:
        """Let go of the image; the area raises ValueError from now on."""
        self.regs.release()
        self.words.release()
        self.floats.release()

    # --- instruction pointer and flags

    @property
    def eip(self) -> int:
        return self.words[self.eip_word]

    @eip.setter
    def eip(self, value: int) -> None:
        self.words[self.eip_word] = value & 0xFFFF_FFFF

    @property
    def eflags(self) -> int:
        """The engine's own EFLAGS, arithmetic flags computed."""
        w = self.words
        if w[self._cc_op] == CC_OP_EFLAGS:
            direction = DF if w[self._df] & 0x8000_0000 else 0
            return w[self._eflags] & ~(ARITHMETIC | DF) | w[self._cc_src] & ARITHMETIC | direction
        return self.computed_flags()

    @eflags.setter
    def eflags(self, value: int) -> None:
        w = self.words
        w[self._cc_op] = CC_OP_EFLAGS
        w[self._cc_src] = value & ARITHMETIC
        w[self._df] = 0xFFFF_FFFF if value & DF else 1
        # Between runs the engine keeps all flags together, and takes them apart when it is entered.
        w[self._eflags] = (value & ~(ARITHMETIC | DF) if self.running else value) | 2

    @property
    def control_flags(self) -> int:
        """EFLAGS without the arithmetic flags and DF: one load, no computation (IF, TF, IOPL, NT, ... are exact)."""
        return self.words[self._eflags]

    @control_flags.setter
    def control_flags(self, value: int) -> None:
        self.words[self._eflags] = value

    # --- segments with their hidden parts

    def segment(self, index: int) -> Segment:
        i = self._segments + SEGMENT_BYTES // 4 * index
        w = self.words
        return _new(Segment, (w[i] & 0xFFFF, w[i + 2], w[i + 4], w[i + 5]))

    def selector(self, index: int) -> int:
        return self.words[self._segments + SEGMENT_BYTES // 4 * index] & 0xFFFF

    def base(self, index: int) -> int:
        return self.words[self._segments + SEGMENT_BYTES // 4 * index + 2]

    def load_segment(self, index: int, segment: Segment) -> None:
        """Load a segment register, hidden part included, and bring the mode summary up to date."""
        i = self._segments + SEGMENT_BYTES // 4 * index
        w = self.words
        w[i], w[i + 2], w[i + 4], w[i + 5] = segment.selector, segment.base, segment.limit, segment.flags
        if index <= DS:
            self._summarize_segments()

    def load_table(self, index: int, base: int, limit: int) -> None:
        """Load GDTR (8) or IDTR (9) of the engine itself."""
        i = self._segments + SEGMENT_BYTES // 4 * index
        self.words[i + 2], self.words[i + 4] = base, limit

    def table(self, index: int) -> tuple[int, int]:
        i = self._segments + SEGMENT_BYTES // 4 * index
        return self.words[i + 2], self.words[i + 4]

    def _summarize_segments(self) -> None:
        w, s, step = self.words, self._segments, SEGMENT_BYTES // 4
        summary = w[self._hflags] & ~(HF_CS32 | HF_SS32 | HF_ADDSEG)
        if w[s + step * CS + 5] & BIG:
            summary |= HF_CS32
        if w[s + step * SS + 5] & BIG:
            summary |= HF_SS32
        if not summary & HF_CS32 or w[s + 2] | w[s + step * SS + 2] | w[s + step * DS + 2]:
            summary |= HF_ADDSEG
        w[self._hflags] = summary

    @property
    def code32(self) -> bool:
        return bool(self.words[self._hflags] & HF_CS32)

    @property
    def stack32(self) -> bool:
        return bool(self.words[self._hflags] & HF_SS32)

    # --- privilege and control registers

    @property
    def engine_cpl(self) -> int:
        return self.words[self._hflags] & HF_CPL

    @engine_cpl.setter
    def engine_cpl(self, value: int) -> None:
        self.words[self._hflags] = self.words[self._hflags] & ~HF_CPL | value

    @property
    def irq_inhibited(self) -> bool:
        """True when the last instruction was one that holds interrupts off for the next (sti, mov ss)."""
        return bool(self.words[self._hflags] & HF_INHIBIT_IRQ)

    def clear_irq_inhibit(self) -> None:
        self.words[self._hflags] &= ~HF_INHIBIT_IRQ

    def cr(self, number: int) -> int:
        return self.words[self._cr + 2 * number]

    def set_cr(self, number: int, value: int) -> None:
        """One of the engine's own control registers, as it stands; nothing follows from it."""
        self.words[self._cr + 2 * number] = value

    def set_fpu_mode(self, cr0: int, cr4: int, watch: bool = False) -> None:
        """Give the engine the guest's CR0.MP/EM/TS/NE and CR4.OSFXSR, so that #NM, #MF and #UD are its own.

        With `watch`, every x87, MMX and SSE instruction raises #NM, as fwait does, unless the guest's own bits decide.
        """
        w = self.words
        summary = w[self._hflags] & ~(HF_MP | HF_EM | HF_TS | HF_OSFXSR) | HF_PE
        summary |= (cr0 & CR0_MP_EM_TS) << 8
        if watch and not cr0 & CR0_EM_TS:
            summary |= HF_MP | HF_TS
        if cr4 & CR4_OSFXSR:
            summary |= HF_OSFXSR
        w[self._hflags] = summary
        w[self._cr] = cr0 & 0x7FFF_FFFF | 1
        w[self._cr + 8] = cr4

    @property
    def mode(self) -> int:
        """The engine's summary of its mode, on which translations depend."""
        return self.words[self._hflags] & ~HF_INHIBIT_IRQ

    def copy_mode(self, other: "StateArea") -> None:
        """Translate as `other`'s engine does: its mode, segments, CR0 and CR4, with code at linear base 0."""
        w, theirs = self.words, other.words
        first, after = self._segments, self._segments + SEGMENT_BYTES // 4 * LDTR
        w[first:after] = theirs[first:after]
        w[self.cs_base_word] = 0
        w[self._eflags] = 2
        w[self._hflags] = other.mode
        for number in (0, 4):
            self.set_cr(number, other.cr(number))

    def set_control_registers(self, cr0: int, cr3: int, cr4: int) -> None:
        """The engine's own CR0, CR3 and CR4, for a run in which they are the guest's."""
        for number, value in ((0, cr0), (3, cr3), (4, cr4)):
            self.set_cr(number, value)

    @property
    def software_interrupt(self) -> bool:
        """Was the event that the engine reports an int n, int3 or into (its next field after the error code)?"""
        return self.words[self._error_code + 1] == 1

    @property
    def exception_in_flight(self) -> bool:
        """Has the engine just raised a contributory exception by itself (never true for int n)?"""
        return self.words[self._in_flight] != 0xFFFF_FFFF

    def land_exception(self) -> int:
        """Forget the exception in flight (else the engine turns the next one into a double fault); its error code."""
        self.words[self._in_flight] = 0xFFFF_FFFF
        return self.words[self._error_code]
