# SPDX-License-Identifier: GPL-2.0-or-later
"""The front of an instruction: prefixes, ModRM, SIB, displacement (SDM vol. 2A, sections 2.1 and 2.2)."""

from typing import Final, cast

from patcher.x86.insn import RIP, Insn

MAX_LENGTH: Final = 15
"""The longest instruction; a longer one is #GP (SDM vol. 2A, section 2.3.11)."""

Code = bytes | bytearray | memoryview

_SEGMENTS: Final = {0x26: 0, 0x2E: 1, 0x36: 2, 0x3E: 3, 0x64: 4, 0x65: 5}
_PREFIXES: Final = frozenset((*_SEGMENTS, 0x66, 0x67, 0xF0, 0xF2, 0xF3))

_BX, _BP, _SI, _DI = 3, 5, 6, 7
_PAIRS_16: Final = (
    (_BX, _SI), (_BX, _DI), (_BP, _SI), (_BP, _DI), (_SI, None), (_DI, None), (_BP, None), (_BX, None),
)  # fmt: skip


class Draft:
    """An Insn while it is being read: the same slots, still writable.

    It becomes an Insn by a change of its class. Copying the fields would take longer than reading them.
    """

    __slots__ = Insn.__slots__

    raw: bytes
    bits: int
    opmap: int
    opcode: int
    modrm: int | None
    lock: bool
    rep: int
    segment: int | None
    operand_size: int
    address_size: int
    base: int | None
    index: int | None
    scale: int
    disp: int
    imm: int
    imm2: int
    prefixes: int
    rex: int
    relative: bool

    def __init__(self, bits: int) -> None:
        self.bits = self.operand_size = self.address_size = bits
        self.modrm = self.segment = self.base = self.index = None
        self.opmap = self.rep = self.rex = self.prefixes = self.disp = self.imm = self.imm2 = 0
        self.scale = 1
        self.lock = self.relative = False

    def finish(self, raw: bytes) -> Insn:
        """Give it its bytes; from here on it is an Insn, and frozen."""
        self.raw = raw
        self.__class__ = Insn  # type: ignore[assignment]
        return cast(Insn, self)


class Reader:
    """A position in code, and the draft of the instruction that is read there."""

    __slots__ = ("code", "insn", "operand_prefix", "pos")

    def __init__(self, code: Code, offset: int, bits: int) -> None:
        self.code, self.pos = code, offset
        self.insn = Draft(bits)
        self.operand_prefix = False

    def byte(self) -> int:
        """The next byte; IndexError at the end of the code."""
        value = self.code[self.pos]
        self.pos += 1
        return value

    def number(self, size: int, signed: bool = False) -> int:
        """The next ``size`` bytes as a number; IndexError at the end of the code."""
        end = self.pos + size
        if end > len(self.code):
            raise IndexError
        value = int.from_bytes(self.code[self.pos : end], "little", signed=signed)
        self.pos = end
        return value

    def prefixes(self) -> int:
        """Read prefixes; return the byte behind them. The last of a group counts; REX before the opcode."""
        byte = self.byte()
        operand = address = False
        while byte in _PREFIXES or (byte & 0xF0 == 0x40 and self.insn.bits == 64):
            if byte == 0x66:
                operand = True
            elif byte == 0x67:
                address = True
            self._prefix(byte)
            byte = self.byte()
        if operand or address or self.insn.bits == 64:
            self._sizes(operand, address)
        return byte

    def _prefix(self, byte: int) -> None:
        insn = self.insn
        insn.rex = byte if byte & 0xF0 == 0x40 else 0
        if byte in _SEGMENTS:
            insn.segment = _SEGMENTS[byte]
        elif byte == 0xF0:
            insn.lock = True
        elif byte >= 0xF2:
            insn.rep = byte
        insn.prefixes += 1
        if insn.prefixes >= MAX_LENGTH:
            raise IndexError

    def _sizes(self, operand: bool, address: bool) -> None:
        insn = self.insn
        if insn.bits == 16:
            insn.operand_size, insn.address_size = 32 if operand else 16, 32 if address else 16
        else:
            insn.operand_size = 64 if insn.rex >= 0x48 else 16 if operand else 32
            insn.address_size = insn.bits if not address else 16 if insn.bits == 32 else 32
        self.operand_prefix = operand

    def modrm(self, registers_only: bool = False) -> int:
        """Read ModRM and what it asks for; return it."""
        modrm = self.insn.modrm = self.byte()
        if modrm < 0xC0 and not registers_only:
            if self.insn.address_size == 16:
                self._memory_16(modrm >> 6, modrm & 7)
            else:
                self._memory_32(modrm >> 6, modrm & 7)
        return modrm

    def _memory_16(self, mod: int, rm: int) -> None:
        """SDM vol. 2A, table 2-1."""
        insn = self.insn
        if mod == 0 and rm == 6:
            insn.disp = self.number(2, signed=True)
            return
        insn.base, insn.index = _PAIRS_16[rm]
        if mod:
            insn.disp = self.number(mod, signed=True)

    def _memory_32(self, mod: int, rm: int) -> None:
        """SDM vol. 2A, tables 2-2 and 2-3; 64-bit mode: section 2.2.1.6."""
        insn = self.insn
        base = rm
        if rm == 4:
            sib = self.byte()
            base = sib & 7
            index = sib >> 3 & 7 | (insn.rex & 2) << 2
            if index != 4:
                insn.index, insn.scale = index, 1 << (sib >> 6)
        if mod == 0 and base == 5:
            insn.base = RIP if insn.bits == 64 and rm == 5 else None
            insn.disp = self.number(4, signed=True)
            return
        insn.base = base | (insn.rex & 1) << 3
        if mod:
            insn.disp = self.number(1 if mod == 1 else 4, signed=True)
