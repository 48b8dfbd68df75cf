# SPDX-License-Identifier: GPL-2.0-or-later
"""AMD's XOP instructions (APM vol. 6, section 1.1.4), which other processors and the engine answer as an undefined pop.

`decode` is about what the engine runs, so it does not know them. Libraries that choose their code by the processor
hold them, and what reads files must not lose step there.
"""

from typing import Final

from patcher.x86.decode import Truncated, decode
from patcher.x86.insn import VEX_MAP, Insn
from patcher.x86.reader import Code, Reader

POP: Final = 0x8F
MAPS: Final = range(8, 11)
"""The maps that the low bits of the second byte name; in a ModRM byte they would be no pop's."""
_IMMEDIATES: Final = (1, 0, 4)


def is_xop(code: Code, offset: int, bits: int) -> bool:
    """Does an XOP instruction begin here?"""
    return bits != 16 and code[offset] == POP and offset + 1 < len(code) and code[offset + 1] & 0x1F in MAPS


def decode_xop(code: Code, offset: int, bits: int) -> Insn:
    """Decode an XOP instruction; raises `Truncated` when the bytes end too early."""
    reader = Reader(code, offset + 1, bits)
    if bits == 64:
        reader.insn.address_size = 64
    try:
        opmap = reader.byte() & 0x1F
        reader.byte()
        reader.insn.opmap, reader.insn.opcode = VEX_MAP, reader.byte()
        reader.modrm()
        reader.insn.imm = reader.number(_IMMEDIATES[opmap - MAPS[0]])
    except IndexError:
        raise Truncated(f"the instruction at offset {offset:#x} goes on past the end of the code") from None
    return reader.insn.finish(bytes(code[offset : reader.pos]))


def xop_length(code: Code, offset: int, bits: int) -> int:
    """Bytes of the XOP instruction that begins here, 0 when the code ends inside it."""
    try:
        return decode_xop(code, offset, bits).length
    except Truncated:
        return 0


def decode_any(code: Code, offset: int, bits: int) -> Insn | None:
    """What `decode` gives, and XOP instructions."""
    return decode_xop(code, offset, bits) if is_xop(code, offset, bits) else decode(code, offset, bits)
