# SPDX-License-Identifier: GPL-2.0-or-later
"""From bytes to ``Insn``: the length the processor uses, and the fields of the encoding (SDM vol. 2A, ch. 2).

The decoder knows where an instruction ends and what its fields are; what it means is the catalogue's matter.
It gives a length to every encoding that some processor or engine may run, defined or not.
"""

from typing import Final

from patcher.errors import PatcherError
from patcher.x86.insn import VEX_MAP, Insn
from patcher.x86.opcodes import GROUP5_FLOW, MAPS, UNDEFINED_IN_64, Flow, Operands
from patcher.x86.reader import MAX_LENGTH, Code, Reader

__all__ = ["MAX_LENGTH", "Code", "Flow", "Truncated", "decode", "flow", "length_at", "too_long"]


class Truncated(PatcherError):
    """The bytes end before the instruction does."""


def _nothing(c: Reader) -> None:
    pass


def _modrm(c: Reader) -> None:
    c.modrm()


def _registers(c: Reader) -> None:
    c.modrm(registers_only=True)


def _modrm_b(c: Reader) -> None:
    c.modrm()
    c.insn.imm = c.byte()


def _modrm_z(c: Reader) -> None:
    c.modrm()
    _imm_z(c)


def _group_b(c: Reader) -> None:
    if c.modrm() & 0x30 == 0:
        c.insn.imm = c.byte()


def _group_z(c: Reader) -> None:
    if c.modrm() & 0x30 == 0:
        _imm_z(c)


def _imm8(c: Reader) -> None:
    c.insn.imm = c.byte()


def _imm16(c: Reader) -> None:
    c.insn.imm = c.number(2)


def _imm_z(c: Reader) -> None:
    c.insn.imm = c.number(2 if c.insn.operand_size == 16 else 4)


def _imm_v(c: Reader) -> None:
    c.insn.imm = c.number(c.insn.operand_size // 8)


def _enter(c: Reader) -> None:
    c.insn.imm = c.number(2)
    c.insn.imm2 = c.byte()


def _offset(c: Reader) -> None:
    c.insn.disp = c.number(c.insn.address_size // 8)


def _far(c: Reader) -> None:
    c.insn.imm = c.number(2 if c.insn.operand_size == 16 else 4)
    c.insn.imm2 = c.number(2)


def _relative8(c: Reader) -> None:
    c.insn.imm = c.number(1, signed=True)
    _branch(c)


def _relative_z(c: Reader) -> None:
    """By operand size, in 64-bit mode too: the engine reads 66 E8 as rel16, as AMD does; Intel rel32."""
    c.insn.imm = c.number(2 if c.insn.operand_size == 16 else 4, signed=True)
    _branch(c)


def _branch(c: Reader) -> None:
    c.insn.relative = True
    if c.insn.bits == 64 and c.insn.operand_size == 32:
        c.insn.operand_size = 64


_READERS: Final = {
    Operands.NOTHING: _nothing, Operands.MODRM: _modrm, Operands.REGISTERS: _registers,
    Operands.MODRM_B: _modrm_b, Operands.MODRM_Z: _modrm_z,
    Operands.GROUP_B: _group_b, Operands.GROUP_Z: _group_z,
    Operands.IMM_B: _imm8, Operands.IMM_W: _imm16, Operands.IMM_Z: _imm_z, Operands.IMM_V: _imm_v,
    Operands.ENTER: _enter, Operands.OFFSET: _offset, Operands.FAR: _far,
    Operands.REL_B: _relative8, Operands.REL_Z: _relative_z,
}  # fmt: skip

_MAPS: Final = tuple(tuple(_READERS.get(cell.operands) for cell in cells) for cells in MAPS)
"""By map and opcode: the function that reads what follows, None where the opcode is undefined."""

_VEX_BYTES: Final = frozenset((0xC4, 0xC5, 0x62))
_XOP: Final = 0x8F
_XOP_IMMEDIATES: Final = {8: 1, 9: 0, 10: 4}
"""Bytes behind the operand of an XOP instruction, by its map (AMD APM vol. 6)."""
_PADLOCK: Final = (0xA6, 0xA7)


def _read_vex(c: Reader, byte: int) -> bool:
    """Read a VEX (2 or 3 bytes) or EVEX (4 bytes) encoding; False when its map is undefined."""
    payload = c.byte()
    opmap = 1 if byte == 0xC5 else payload & (0x1F if byte == 0xC4 else 7)
    if byte == 0xC4:
        c.byte()
    elif byte == 0x62:
        c.number(2)
    c.insn.opmap, c.insn.opcode = VEX_MAP, c.byte()
    if not 1 <= opmap <= 3:
        return False
    cell = MAPS[opmap][c.insn.opcode]
    _READERS[cell.operands if cell.operands <= Operands.MODRM_B else Operands.MODRM](c)
    return True


def _is_xop(c: Reader) -> bool:
    """Is the 8F just read an XOP prefix, not pop? A map of 8 or more tells; real mode knows no XOP (APM vol. 6)."""
    return c.insn.bits != 16 and c.code[c.pos] & 0x18 != 0


def _read_xop(c: Reader) -> bool:
    """Read an XOP encoding; False when its map is undefined."""
    immediate = _XOP_IMMEDIATES.get(c.byte() & 0x1F)
    c.byte()
    c.insn.opmap, c.insn.opcode = VEX_MAP, c.byte()
    if immediate is None:
        return False
    c.modrm()
    c.insn.imm = c.number(immediate)
    return True


def _read_padlock(c: Reader) -> bool:
    """Read what follows 0F A6 or 0F A7: a byte that names one of VIA's instructions (PadLock programming guide)."""
    return c.modrm() >= 0xC0


def _read_opcode(c: Reader, byte: int) -> bool:
    """Read the escape bytes, the opcode and all that follows; False when it is undefined.

    C4, C5 and 62 are les, lds and bound where ModRM names memory, else prefixes (SDM vol. 2A, section 2.3.5).
    """
    insn = c.insn
    if byte in _VEX_BYTES and (insn.bits == 64 or c.code[c.pos] >= 0xC0):
        return _read_vex(c, byte)
    if byte == _XOP and _is_xop(c):
        return _read_xop(c)
    if byte == 0x0F:
        return _read_escaped(c)
    insn.opcode = byte
    read = _MAPS[0][byte]
    if read is None or (insn.bits == 64 and byte in UNDEFINED_IN_64):
        return False
    read(c)
    return True


def _read_escaped(c: Reader) -> bool:
    insn = c.insn
    byte, insn.opmap = c.byte(), 1
    if byte in (0x38, 0x3A):
        insn.opmap = 2 if byte == 0x38 else 3
        byte = c.byte()
    insn.opcode = byte
    read = _MAPS[insn.opmap][byte]
    if read is None:
        return insn.opmap == 1 and byte in _PADLOCK and _read_padlock(c)
    read(c)
    if byte == 0x78 and insn.opmap == 1 and (insn.rep == 0xF2 or (c.operand_prefix and not insn.rep)):
        insn.imm, insn.imm2 = c.byte(), c.byte()  # extrq, insertq (AMD APM vol. 4); else vmread
    return True


def decode(code: Code, offset: int, bits: int) -> Insn | None:
    """Decode the instruction at ``code[offset]`` for a code segment of 16, 32 or 64 ``bits``.

    Returns None when the opcode is undefined or the instruction is longer than 15 bytes; an Insn may
    still be #UD for its operands or prefixes, which ``catalogue.classify`` tells. Raises ``Truncated``
    when the bytes end too early.
    """
    reader = Reader(code, offset, bits)
    try:
        defined = _read_opcode(reader, reader.prefixes())
    except IndexError:
        if len(code) - offset >= MAX_LENGTH:
            return None
        raise Truncated(f"the instruction at offset {offset:#x} goes on past the end of the code") from None
    if not defined or reader.pos - offset > MAX_LENGTH:
        return None
    return reader.insn.finish(bytes(code[offset : reader.pos]))


def too_long(code: Code, bits: int) -> bool:
    """Would ``code``, for which ``decode`` returned None, be an instruction if it had fewer prefixes?

    The processor answers more than 15 bytes with #GP(0), an undefined opcode with #UD.
    """
    prefixes = Reader(code, 0, bits)
    try:
        prefixes.prefixes()
    except IndexError:
        return True
    for skipped in range(1, prefixes.insn.prefixes + 1):
        try:
            if decode(code, skipped, bits) is not None:
                return True
        except Truncated:
            return True
    return False


def length_at(code: Code, offset: int, bits: int) -> int:
    """Bytes of the instruction at ``code[offset]``, 0 where ``decode`` returns None; raises as it does."""
    insn = decode(code, offset, bits)
    return 0 if insn is None else insn.length


def flow(insn: Insn) -> Flow:
    """Where control goes after ``insn`` when it completes."""
    if insn.opmap == VEX_MAP:
        return Flow.NEXT
    if insn.opmap == 0 and insn.opcode == 0xFF:
        return GROUP5_FLOW[insn.reg]
    return MAPS[insn.opmap][insn.opcode].flow
