# SPDX-License-Identifier: GPL-2.0-or-later
"""One MMX or SSE instruction run alone: what it raised, and #XM when that is unmasked (SDM vol. 1, 11.5)."""

from patcher.x86.exceptions import UD, XM, GuestFault
from patcher.x86.insn import Insn
from patcher.x86.sse import Sse, calculation
from vmm.effects.operand import linear, read_bytes
from vmm.engine.float_area import DAZ, DE, EXCEPTIONS, IE, UE, ZE, FloatArea
from vmm.engine.state_area import ARITHMETIC
from vmm.vcpu import Vcpu

CR4_OSXMMEXCPT = 0x400
BEFORE = IE | DE | ZE  # noticed before anything is calculated
_FRACTION = {4: 23, 8: 52}
_EXPONENT = {4: 0xFF, 8: 0x7FF}

Number = tuple[int, int, int]
"""Exponent field, fraction, and the size in bytes of the format."""


def numbers(data: bytes, size: int, count: int) -> list[Number]:
    """The first `count` numbers of `size` bytes each."""
    whole = [int.from_bytes(data[i : i + size], "little") for i in range(0, size * count, size)]
    bits = _FRACTION[size]
    return [(n >> bits & _EXPONENT[size], n & (1 << bits) - 1, size) for n in whole]


def is_denormal(number: Number) -> bool:
    """Not zero, and too small for the format's exponent."""
    return not number[0] and bool(number[1])


def is_nan(number: Number) -> bool:
    return number[0] == _EXPONENT[number[2]] and bool(number[1])


def is_zero(number: Number) -> bool:
    return not number[0] and not number[1]


class SseStep:
    """Made before the instruction runs; `judge` afterwards."""

    def __init__(self, v: Vcpu, insn: Insn) -> None:
        self.v, self.insn, self.eip = v, insn, v.eip
        self.what = calculation(insn)
        self.unmasked = ~v.floats.mxcsr >> 7 & EXCEPTIONS  # reading it has taken the flags that were raised before
        if self.what is not None:
            self.saved, self.regs, self.eflags = v.floats.save(), bytes(v.regs), v.eflags
            self.denormal = self._has_denormal(self.what)

    def judge(self) -> None:
        """Set the flags; with one of them unmasked, take everything else back and raise #XM, or #UD."""
        floats, raised = self.v.floats, self.v.floats.take_sse()
        if self.what is None:
            return
        raised = raised & self.what.raises | (DE if self.denormal else 0)
        if self.unmasked & UE and self._is_tiny(floats, self.what):
            raised |= UE
        if not raised & self.unmasked:
            floats.raise_sse(raised)
            return
        self._take_back()
        floats.raise_sse(raised & BEFORE if raised & BEFORE & self.unmasked else raised)
        raise GuestFault(XM if self.v.cr4 & CR4_OSXMMEXCPT else UD)

    def _take_back(self) -> None:
        v = self.v
        v.floats.restore(self.saved)
        v.regs[:] = memoryview(self.regs).cast("I")
        v.eflags, v.eip = v.eflags & ~ARITHMETIC | self.eflags & ARITHMETIC, self.eip  # TF may be the monitor's

    def _is_tiny(self, floats: FloatArea, what: Sse) -> bool:
        """Is a number in the result denormal, exact or not?"""
        if not what.result:
            return False
        return any(is_denormal(n) for n in numbers(floats.xmm(self.insn.reg), what.result, what.lanes))

    def _has_denormal(self, what: Sse) -> bool:
        """Is a denormal among the sources, in a pair that nothing else decides (SDM vol. 1, table 11-1)?"""
        floats = self.v.floats
        if not what.size or not what.raises & DE or floats.mxcsr & DAZ:
            return False
        sources = [numbers(self._source(what), what.size, what.lanes)]
        if what.both:
            sources.append(numbers(floats.xmm(self.insn.reg), what.size, what.lanes))
        return any(self._counts(pair) for pair in zip(*sources, strict=True))

    def _counts(self, pair: tuple[Number, ...]) -> bool:
        by_zero = self.insn.opcode == 0x5E and is_zero(pair[0])
        return any(map(is_denormal, pair)) and not any(map(is_nan, pair)) and not by_zero

    def _source(self, what: Sse) -> bytes:
        """The r/m operand; zeroes when it cannot be read, and then the instruction will fault."""
        if not self.insn.is_memory:
            return self.v.floats.xmm(self.insn.rm)
        try:
            size = what.size * what.lanes
            return read_bytes(self.v, linear(self.v, self.insn, size), size)
        except GuestFault:
            return bytes(16)
