# SPDX-License-Identifier: GPL-2.0-or-later
"""The engine's x87, MMX and SSE state in place, and what it keeps to itself: the flags of its arithmetic.

The engine calculates with all exceptions masked. What an operation raised stays in two bytes of its own, which it never
shows in the status word or in MXCSR; their bits stand as there (SDM vol. 1, 8.1.3.3 and 10.2.3). Denormal operands are
not among them.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple

IE, DE, ZE, OE, UE, PE, SF, ES = 1, 2, 4, 8, 16, 32, 64, 128
C1, CONDITIONS, BUSY = 0x200, 0x4700, 0x8000
EXCEPTIONS = 0x3F
CONTROL_BITS, CONTROL_ONES = 0x1F3F, 0x40
FTZ, DAZ = 0x8000, 0x40
FLUSHED: Final = 128  # the engine's own mark for a result that FTZ made zero
XMM_BYTES = 64  # from one register to the next
_PRECISION: Final = (32, 80, 64, 80)  # bits of the engine's formats, by the control word's precision field


@dataclass(frozen=True, slots=True)
class FloatLayout:
    """Byte offsets in the processor image; `x87` and `sse` are those of the flags that operations raised."""

    top: int
    status: int  # without TOP
    control: int
    tags: int  # eight bytes, 1 for empty
    registers: int  # 16 bytes each, by physical number
    opcode: int  # behind it the selectors of instruction and operand, 2 bytes each
    instruction: int
    operand: int
    x87: int  # before it the rounding, behind it the precision
    sse: int  # before it the rounding, 2 and 3 behind it FTZ and DAZ
    mxcsr: int
    xmm: int


class Pointers(NamedTuple):
    """An x87 instruction, and its memory operand: 11 bits of opcode, selectors and offsets (SDM vol. 1, 8.1.8)."""

    opcode: int
    code: int
    instruction: int
    data: int
    operand: int


NO_POINTERS: Final = Pointers(0, 0, 0, 0, 0)


class FloatArea:
    """Registers and flags of the floating-point units, over the engine's image or over a test's bytes."""

    __slots__ = ("_halves", "_words", "bytes", "layout", "unmasked")

    def __init__(self, image: memoryview, layout: FloatLayout) -> None:
        self.bytes, self.layout = image.cast("B"), layout
        self._halves, self._words = self.bytes.cast("H"), self.bytes.cast("I")
        self.unmasked = 0  # exceptions that x87 or SSE do not mask: while there are any, no operation may run unseen

    def release(self) -> None:
        """Let go of the image."""
        for view in (self._halves, self._words, self.bytes):
            view.release()

    def reset(self) -> None:
        """No exception has been raised, none is unmasked (the registers are the caller's)."""
        self.initialise()
        self.bytes[self.layout.sse] = 0
        self.mxcsr = 0x1F80

    # --- x87

    def initialise(self) -> None:
        """What fninit does (SDM vol. 2A, FINIT/FNINIT)."""
        layout, data = self.layout, self.bytes
        self.control, self._words[layout.top // 4], self._halves[layout.status // 2] = 0x37F, 0, 0
        data[layout.tags : layout.tags + 8] = b"\1" * 8
        data[layout.x87] = 0
        self.pointers = NO_POINTERS

    @property
    def control(self) -> int:
        return self._halves[self.layout.control // 2]

    @control.setter
    def control(self, value: int) -> None:
        """The control word, with the engine's rounding and precision."""
        data, flags = self.bytes, self.layout.x87
        self._halves[self.layout.control // 2] = value
        data[flags - 1], data[flags + 1] = value >> 10 & 3, _PRECISION[value >> 8 & 3]
        self.unmasked = (~value | ~self._words[self.layout.mxcsr // 4] >> 7) & EXCEPTIONS

    def load(self, control: int, status: int) -> None:
        """Both words from an image; ES and B follow from them."""
        self.control = control & CONTROL_BITS | CONTROL_ONES
        self.status = status

    @property
    def top(self) -> int:
        return self._words[self.layout.top // 4] & 7

    @property
    def status(self) -> int:
        """The status word, TOP included, with everything that was raised so far."""
        at = self.layout.status // 2
        raised, self.bytes[self.layout.x87] = self.bytes[self.layout.x87], 0
        if raised:
            self._halves[at] |= raised & EXCEPTIONS
            self.settle()
        return self._halves[at] & ~0x3800 | self.top << 11

    @status.setter
    def status(self, value: int) -> None:
        """ES and B follow from the flags and the control word (SDM vol. 1, 8.1.3.3 and 8.1.3.1)."""
        self.bytes[self.layout.x87] = 0
        self._words[self.layout.top // 4] = value >> 11 & 7
        self._halves[self.layout.status // 2] = value & ~0x3800
        self.settle()

    def settle(self) -> None:
        """Let ES and B follow from the flags and the masks."""
        at = self.layout.status // 2
        value = self._halves[at]
        pending = value & ~self.control & EXCEPTIONS
        self._halves[at] = value | ES | BUSY if pending else value & ~(ES | BUSY)

    @property
    def pending(self) -> bool:
        """Does an unmasked x87 exception wait for the next waiting instruction?"""
        return bool(self.status & ES)

    def take_x87(self) -> int:
        """The flags that x87 operations raised since they were asked for last."""
        at = self.layout.x87
        raised, self.bytes[at] = self.bytes[at], 0
        return raised & EXCEPTIONS

    def is_empty(self, number: int) -> bool:
        """Is ST(number) empty?"""
        return bool(self.bytes[self.layout.tags + (self.top + number & 7)])

    def full_tags(self) -> int:
        """A bit for each physical register, set when it is not empty."""
        return sum((not empty) << i for i, empty in enumerate(self.bytes[self.layout.tags : self.layout.tags + 8]))

    def set_tags(self, empty: int) -> None:
        """A bit for each physical register, set when it is empty."""
        for i in range(8):
            self.bytes[self.layout.tags + i] = empty >> i & 1

    @property
    def pointers(self) -> Pointers:
        """Of the last instruction that was no control instruction."""
        layout, words, at = self.layout, self._words, self.layout.opcode // 2
        opcode, code, data = self._halves[at : at + 3]
        return Pointers(opcode, code, words[layout.instruction // 4], data, words[layout.operand // 4])

    @pointers.setter
    def pointers(self, value: Pointers) -> None:
        layout, words, at = self.layout, self._words, self.layout.opcode // 2
        self._halves[at], self._halves[at + 1], self._halves[at + 2] = value.opcode & 0x7FF, value.code, value.data
        words[layout.instruction // 4], words[layout.operand // 4] = value.instruction, value.operand

    def set_empty(self, number: int, empty: bool) -> None:
        """Mark ST(number)."""
        self.bytes[self.layout.tags + (self.top + number & 7)] = empty

    def register(self, number: int) -> tuple[int, int]:
        """ST(number): the significand, and sign and exponent (16 bits)."""
        at = self.layout.registers + 16 * (self.top + number & 7)
        return int.from_bytes(self.bytes[at : at + 8], "little"), self._halves[at // 2 + 4]

    def set_register(self, number: int, significand: int, exponent: int) -> None:
        at = self.layout.registers + 16 * (self.top + number & 7)
        self.bytes[at : at + 8] = significand.to_bytes(8, "little")
        self._halves[at // 2 + 4] = exponent

    @property
    def stack(self) -> bytes:
        """ST(0) to ST(7), 16 bytes each."""
        at, first = self.layout.registers, 16 * self.top
        whole = bytes(self.bytes[at : at + 128])
        return whole[first:] + whole[:first]

    @stack.setter
    def stack(self, value: bytes) -> None:
        at, first = self.layout.registers, 128 - 16 * self.top
        self.bytes[at : at + 128] = value[first:] + value[:first]

    # --- SSE

    @property
    def mxcsr(self) -> int:
        """MXCSR with everything that was raised so far."""
        at = self.layout.mxcsr // 4
        self._words[at] |= self.take_sse()
        return self._words[at]

    @mxcsr.setter
    def mxcsr(self, value: int) -> None:
        """MXCSR, with the engine's rounding, FTZ (not while underflow is unmasked) and DAZ."""
        data, flags = self.bytes, self.layout.sse
        self._words[self.layout.mxcsr // 4] = value
        self.unmasked = (~self.control | ~value >> 7) & EXCEPTIONS
        data[flags] = 0
        data[flags - 1] = value >> 13 & 3
        data[flags + 2], data[flags + 3] = value & FTZ != 0 and value & UE << 7 != 0, value & DAZ != 0

    def take_sse(self) -> int:
        """The flags that SSE operations raised since they were asked for last."""
        at = self.layout.sse
        raised, self.bytes[at] = self.bytes[at], 0
        return raised & EXCEPTIONS | (UE | PE if raised & FLUSHED else 0)

    def raise_sse(self, flags: int) -> None:
        """Set flags in MXCSR."""
        self._words[self.layout.mxcsr // 4] |= flags

    def xmm(self, number: int) -> bytes:
        at = self.layout.xmm + XMM_BYTES * number
        return bytes(self.bytes[at : at + 16])

    def set_xmm(self, number: int, value: bytes) -> None:
        at = self.layout.xmm + XMM_BYTES * number
        self.bytes[at : at + 16] = value

    # --- both

    def save(self) -> bytes:
        """All of it, to be put back by `restore`."""
        return bytes(self.bytes[self.layout.top : self.layout.xmm + 8 * XMM_BYTES])

    def restore(self, saved: bytes) -> None:
        self.bytes[self.layout.top : self.layout.xmm + 8 * XMM_BYTES] = saved
