# SPDX-License-Identifier: GPL-2.0-or-later
"""One MMX or SSE instruction run alone: what it raised, and #XM when that is unmasked (SDM vol. 1, 11.5)."""

from patcher.x86.exceptions import UD, XM, GuestFault
from patcher.x86.insn import Insn
from patcher.x86.sse import Sse, calculation
from vmm.effects.operand import linear, read_bytes
from vmm.engine.float_area import DAZ, DE, EXCEPTIONS, IE, OE, PE, UE, ZE, FloatArea
from vmm.engine.state_area import ARITHMETIC
from vmm.numbers import Number, numbers
from vmm.vcpu import Vcpu

CR4_OSXMMEXCPT = 0x400
BEFORE = IE | DE | ZE  # noticed before anything is calculated
SQRT, DIV = 0x51, 0x5E
ARITHMETIC_OF = {0x58: 0, 0x59: 1, 0x5C: 4, 0x5E: 6}
"""Opcode of add, mul, sub and div: what x87 instructions write as ModRM.reg."""

class SseStep:
    """Made before the instruction runs; `judge` afterwards."""

    def __init__(self, v: Vcpu, insn: Insn) -> None:
        self.v, self.insn, self.eip = v, insn, v.eip
        self.what = calculation(insn)
        self.unmasked = ~v.floats.mxcsr >> 7 & EXCEPTIONS  # reading it has taken the flags that were raised before
        self.zeroes = bool(v.floats.mxcsr & DAZ)  # denormals are taken for zeroes
        if self.what is not None:
            self.saved, self.regs, self.eflags = v.floats.save(), bytes(v.regs), v.eflags
            self.operands = self._operands(self.what) if self.what.size else []
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
        if raised & BEFORE & self.unmasked:
            raised &= BEFORE
        elif raised & PE and not raised & (OE | UE) & ~self.unmasked and self._is_exact(self.what):
            raised &= ~PE  # the engine's, which masks overflow and underflow
        floats.raise_sse(raised)
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
        return any(n.is_denormal for n in numbers(floats.xmm(self.insn.reg), what.result, what.lanes))

    def _has_denormal(self, what: Sse) -> bool:
        """Is a denormal among the sources, in a pair that nothing else decides (SDM vol. 1, table 11-1)?"""
        if not what.raises & DE or self.zeroes:
            return False
        return any(map(self._counts, self.operands))

    def _operands(self, what: Sse) -> list[tuple[Number, ...]]:
        """By lane: the r/m operand, and the destination when it is a source."""
        sources = [numbers(self._source(what), what.size, what.lanes)]
        if what.both:
            sources.append(numbers(self.v.floats.xmm(self.insn.reg), what.size, what.lanes))
        return list(zip(*sources, strict=True))

    def _counts(self, lane: tuple[Number, ...]) -> bool:
        if self.insn.opcode == SQRT:
            return lane[0].is_denormal and not lane[0].negative
        by_zero = self.insn.opcode == DIV and lane[0].is_zero
        return any(n.is_denormal for n in lane) and not any(n.is_nan for n in lane) and not by_zero

    def _is_exact(self, what: Sse) -> bool:
        """Would the result lose nothing if any exponent fitted?"""
        from vmm.extended import calculate, fits, value_of_number

        bits = 24 if (what.result or what.size) == 4 else 53
        for lane in self.operands:
            values = [value_of_number(n.without_denormal(self.zeroes)) for n in lane if not n.is_special]
            if len(values) == len(lane) and not (self.insn.opcode == DIV and lane[0].is_zero):
                reg = ARITHMETIC_OF.get(self.insn.opcode)
                exact = values[0] if reg is None or len(values) == 1 else calculate(reg, values[1], values[0])
                if not fits(exact, bits):
                    return False
        return what.result != 0

    def _source(self, what: Sse) -> bytes:
        """The r/m operand; zeroes when it cannot be read, and then the instruction will fault."""
        if not self.insn.is_memory:
            return self.v.floats.xmm(self.insn.rm)
        try:
            size = what.size * what.lanes
            return read_bytes(self.v, linear(self.v, self.insn, size), size)
        except GuestFault:
            return bytes(16)
