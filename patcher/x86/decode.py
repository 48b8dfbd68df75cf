# SPDX-License-Identifier: GPL-2.0-or-later
"""From bytes to ``Insn``: the length the processor uses, and the fields of the encoding (SDM vol. 2A, ch. 2).

The decoder knows where an instruction ends and what its fields are; what it means is the catalogue's matter.
It gives a length to every encoding that some processor or engine may run, defined or not.
"""

from typing import Final

from patcher.errors import PatcherError
from patcher.x86.insn import RIP, VEX_MAP, Insn
from patcher.x86.opcodes import GROUP5_FLOW, MAPS, UNDEFINED_IN_64, Flow, Operands

__all__ = ["MAX_LENGTH", "Flow", "Truncated", "decode", "flow", "length_at"]

MAX_LENGTH: Final = 15
"""The longest instruction; a longer one is #GP (SDM vol. 2A, section 2.3.11)."""

Code = bytes | bytearray | memoryview

_SEGMENTS: Final = {0x26: 0, 0x2E: 1, 0x36: 2, 0x3E: 3, 0x64: 4, 0x65: 5}
_PREFIXES: Final = frozenset((*_SEGMENTS, 0x66, 0x67, 0xF0, 0xF2, 0xF3))

_BX, _BP, _SI, _DI = 3, 5, 6, 7
_PAIRS_16: Final = (
    (_BX, _SI), (_BX, _DI), (_BP, _SI), (_BP, _DI), (_SI, None), (_DI, None), (_BP, None), (_BX, None),
)  # fmt: skip

_GROUPS: Final = {Operands.GROUP_B: Operands.MODRM_B, Operands.GROUP_Z: Operands.MODRM_Z}


class Truncated(PatcherError):
    """The bytes end before the instruction does."""


class _Cursor:
    """The fields of one instruction while they are being read; attribute names are those of ``Insn``."""

    __slots__ = (
        "address_size", "base", "bits", "code", "disp", "imm", "imm2", "index", "lock", "modrm",
        "opcode", "operand_size", "opmap", "pos", "prefix", "prefixes", "relative", "rep", "rex", "scale",
        "segment", "start", "wide",
    )  # fmt: skip

    def __init__(self, code: Code, offset: int, bits: int) -> None:
        self.code, self.start, self.pos, self.bits = code, offset, offset, bits
        self.lock, self.rep, self.rex, self.prefix, self.prefixes = False, 0, 0, 0, 0
        self.segment: int | None = None
        self.modrm: int | None = None
        self.base: int | None = None
        self.index: int | None = None
        self.scale, self.disp, self.imm, self.imm2 = 1, 0, 0, 0
        self.opmap, self.opcode, self.relative = 0, 0, False
        self.operand_size, self.address_size, self.wide = bits, bits, False

    def byte(self) -> int:
        value = self.code[self.pos]
        self.pos += 1
        return value

    def number(self, size: int, signed: bool = False) -> int:
        end = self.pos + size
        if end > len(self.code):
            raise IndexError
        value = int.from_bytes(self.code[self.pos : end], "little", signed=signed)
        self.pos = end
        return value

    def insn(self) -> Insn:
        return Insn(
            bytes(self.code[self.start : self.pos]), self.bits, self.opmap, self.opcode, self.modrm,
            self.lock, self.rep, self.segment, self.operand_size, self.address_size,
            self.base, self.index, self.scale, self.disp, self.imm, self.imm2,
            self.prefixes, self.rex, self.relative,
        )  # fmt: skip


def _read_prefixes(c: _Cursor) -> int:
    """Read prefixes; return the byte after them. The last of a group counts, and REX right before the
    opcode.
    """
    operand = address = False
    while True:
        byte = c.byte()
        if byte in _PREFIXES:
            c.rex = 0
            if byte == 0x66:
                operand = True
            elif byte == 0x67:
                address = True
            elif byte == 0xF0:
                c.lock = True
            elif byte >= 0xF2:
                c.rep = byte
            else:
                c.segment = _SEGMENTS[byte]
        elif c.bits == 64 and byte & 0xF0 == 0x40:
            c.rex = byte
        else:
            break
        c.prefixes += 1
        if c.prefixes >= MAX_LENGTH:
            raise IndexError
    c.prefix = c.rep or (0x66 if operand else 0)
    _set_sizes(c, operand, address)
    return byte


def _set_sizes(c: _Cursor, operand: bool, address: bool) -> None:
    c.wide = c.rex >= 0x48
    if c.bits == 16:
        c.operand_size, c.address_size = 32 if operand else 16, 32 if address else 16
    else:
        c.operand_size = 64 if c.wide else 16 if operand else 32
        c.address_size = c.bits if not address else 16 if c.bits == 32 else 32


def _read_modrm(c: _Cursor, registers_only: bool = False) -> None:
    modrm = c.modrm = c.byte()
    if modrm >= 0xC0 or registers_only:
        return
    if c.address_size == 16:
        _read_memory_16(c, modrm >> 6, modrm & 7)
    else:
        _read_memory_32(c, modrm >> 6, modrm & 7)


def _read_memory_16(c: _Cursor, mod: int, rm: int) -> None:
    """SDM vol. 2A, table 2-1."""
    if mod == 0 and rm == 6:
        c.disp = c.number(2, signed=True)
        return
    c.base, c.index = _PAIRS_16[rm]
    if mod:
        c.disp = c.number(mod, signed=True)


def _read_memory_32(c: _Cursor, mod: int, rm: int) -> None:
    """SDM vol. 2A, tables 2-2 and 2-3; 64-bit mode: section 2.2.1.6."""
    base = rm
    if rm == 4:
        sib = c.byte()
        base = sib & 7
        index = sib >> 3 & 7 | (c.rex & 2) << 2
        if index != 4:
            c.index, c.scale = index, 1 << (sib >> 6)
    if mod == 0 and base == 5:
        c.base = RIP if c.bits == 64 and rm == 5 else None
        c.disp = c.number(4, signed=True)
        return
    c.base = base | (c.rex & 1) << 3
    if mod:
        c.disp = c.number(1 if mod == 1 else 4, signed=True)


def _read_operands(c: _Cursor, operands: Operands) -> None:
    if Operands.MODRM <= operands <= Operands.GROUP_Z:
        _read_modrm(c, operands is Operands.REGISTERS)
        if operands in _GROUPS:
            assert c.modrm is not None
            operands = _GROUPS[operands] if c.modrm & 0x30 == 0 else Operands.MODRM
    reader = _IMMEDIATES.get(operands)
    if reader is not None:
        reader(c)


def _imm8(c: _Cursor) -> None:
    c.imm = c.byte()


def _imm16(c: _Cursor) -> None:
    c.imm = c.number(2)


def _imm_z(c: _Cursor) -> None:
    c.imm = c.number(2 if c.operand_size == 16 else 4)


def _imm_v(c: _Cursor) -> None:
    c.imm = c.number(c.operand_size // 8)


def _enter(c: _Cursor) -> None:
    c.imm = c.number(2)
    c.imm2 = c.byte()


def _offset(c: _Cursor) -> None:
    c.disp = c.number(c.address_size // 8)


def _far(c: _Cursor) -> None:
    c.imm = c.number(2 if c.operand_size == 16 else 4)
    c.imm2 = c.number(2)


def _relative8(c: _Cursor) -> None:
    c.imm = c.number(1, signed=True)
    _branch(c)


def _relative_z(c: _Cursor) -> None:
    """By operand size, in 64-bit mode too: there the engine reads 66 E8 as rel16, as AMD does; Intel
    rel32.
    """
    c.imm = c.number(2 if c.operand_size == 16 else 4, signed=True)
    _branch(c)


def _branch(c: _Cursor) -> None:
    c.relative = True
    if c.bits == 64 and c.operand_size == 32:
        c.operand_size = 64


_IMMEDIATES: Final = {
    Operands.MODRM_B: _imm8, Operands.MODRM_Z: _imm_z, Operands.IMM_B: _imm8, Operands.IMM_W: _imm16,
    Operands.IMM_Z: _imm_z, Operands.IMM_V: _imm_v, Operands.ENTER: _enter, Operands.OFFSET: _offset,
    Operands.FAR: _far, Operands.REL_B: _relative8, Operands.REL_Z: _relative_z,
}  # fmt: skip


def _is_vex(c: _Cursor, byte: int) -> bool:
    """C4, C5, 62: les, lds, bound with memory; prefixes where those would name a register (SDM vol. 2A,
    2.3.5).
    """
    return byte in (0xC4, 0xC5, 0x62) and (c.bits == 64 or c.code[c.pos] >= 0xC0)


def _read_vex(c: _Cursor, byte: int) -> bool:
    """Read a VEX (2 or 3 bytes) or EVEX (4 bytes) encoding; False when its map is undefined."""
    payload = c.byte()
    opmap = 1 if byte == 0xC5 else payload & (0x1F if byte == 0xC4 else 7)
    if byte == 0xC4:
        c.byte()
    elif byte == 0x62:
        c.number(2)
    c.opmap, c.opcode = VEX_MAP, c.byte()
    if not 1 <= opmap <= 3:
        return False
    operands = MAPS[opmap][c.opcode].operands
    _read_operands(c, operands if operands <= Operands.MODRM_B else Operands.MODRM)
    return True


def _read_opcode(c: _Cursor, byte: int) -> bool:
    """Read the escape bytes, the opcode and all that follows; False when it is undefined."""
    if _is_vex(c, byte):
        return _read_vex(c, byte)
    if byte == 0x0F:
        byte, c.opmap = c.byte(), 1
        if byte in (0x38, 0x3A):
            c.opmap = 2 if byte == 0x38 else 3
            byte = c.byte()
    c.opcode = byte
    operands = MAPS[c.opmap][byte].operands
    if operands >= Operands.UNDEFINED or (c.bits == 64 and c.opmap == 0 and byte in UNDEFINED_IN_64):
        return False
    _read_operands(c, operands)
    if byte == 0x78 and c.opmap == 1 and c.prefix in (0x66, 0xF2):
        c.imm, c.imm2 = c.byte(), c.byte()  # extrq, insertq (AMD APM vol. 4): vmread without the prefix
    return True


def decode(code: Code, offset: int, bits: int) -> Insn | None:
    """Decode the instruction at ``code[offset]`` for a code segment of 16, 32 or 64 ``bits``.

    Returns None when the opcode is undefined or the instruction is longer than 15 bytes; an Insn may
    still be #UD for its operands or prefixes, which ``catalogue.classify`` tells. Raises ``Truncated``
    when the bytes end too early.
    """
    cursor = _Cursor(code, offset, bits)
    try:
        defined = _read_opcode(cursor, _read_prefixes(cursor))
    except IndexError:
        if len(code) - offset >= MAX_LENGTH:
            return None
        raise Truncated(f"the instruction at offset {offset:#x} goes on past the end of the code") from None
    if not defined or cursor.pos - offset > MAX_LENGTH:
        return None
    return cursor.insn()


def length_at(code: Code, offset: int, bits: int) -> int:
    """Bytes of the instruction at ``code[offset]``, 0 where ``decode`` returns None; raises ``Truncated``
    as it does.
    """
    insn = decode(code, offset, bits)
    return 0 if insn is None else insn.length


def flow(insn: Insn) -> Flow:
    """Where control goes after ``insn`` when it completes."""
    if insn.opmap == VEX_MAP:
        return Flow.NEXT
    if insn.opmap == 0 and insn.opcode == 0xFF:
        return GROUP5_FLOW[insn.reg]
    return MAPS[insn.opmap][insn.opcode].flow
