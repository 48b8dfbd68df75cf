# SPDX-License-Identifier: GPL-2.0-or-later
"""fnstenv fldenv fnsave frstor fxsave fxrstor: the units in memory (SDM vol. 1, 8.1.10; vol. 2A, FXSAVE)."""

import struct

from patcher.x86.exceptions import GP, UD, GuestFault
from patcher.x86.insn import Insn
from vmm.cpu_model import Feature
from vmm.effects.float_control import CR4_OSFXSR, MXCSR_BITS, check_x87, waits
from vmm.effects.operand import linear, read_bytes, write_bytes
from vmm.effects.registry import effect
from vmm.engine.float_area import EXCEPTIONS, FloatArea, Pointers
from vmm.processor import Processor

VALID, ZERO, SPECIAL, EMPTY = range(4)
REGISTERS = 80  # bytes of eight x87 registers in an image of fnsave
FX_BYTES, FX_ST, FX_XMM = 288, 32, 160  # of the 512 bytes, those that are written; where the registers lie


# --- the environment: seven fields of 16 or 32 bits


def _tag_word(floats: FloatArea) -> int:
    if not floats.full_tags():
        return 0xFFFF
    return sum(_tag(floats, number) << 2 * (floats.top + number & 7) for number in range(8))


def _tag(floats: FloatArea, number: int) -> int:
    if floats.is_empty(number):
        return EMPTY
    significand, exponent = floats.register(number)
    if not exponent & 0x7FFF:
        return SPECIAL if significand else ZERO
    return VALID if significand >> 63 and exponent & 0x7FFF != 0x7FFF else SPECIAL


def _environment(floats: FloatArea, operand_size: int) -> bytes:
    words, last = (floats.control, floats.status, _tag_word(floats)), floats.pointers
    if operand_size == 16:
        return struct.pack("<7H", *words, last.instruction & 0xFFFF, last.code, last.operand & 0xFFFF, last.data)
    return struct.pack("<7I", *words, last.instruction, last.opcode << 16 | last.code, last.operand, last.data)


def _load_environment(v: Processor, data: bytes) -> None:
    wide = len(data) == 28
    fields = struct.unpack("<7I" if wide else "<7H", data)
    control, status, tags, instruction, code, operand, segment = fields
    floats = v.floats
    floats.load(control & 0xFFFF, status & 0xFFFF)
    floats.set_tags(sum((tags >> 2 * i & 3 == EMPTY) << i for i in range(8)))
    floats.pointers = Pointers(code >> 16, code & 0xFFFF, instruction, segment & 0xFFFF, operand)


def _size(insn: Insn) -> int:
    return 14 if insn.operand_size == 16 else 28


def _unit(insn: Insn) -> int:
    """Bytes that are read and written at a time, which is what alignment is checked for."""
    return insn.operand_size >> 3


@effect("fnstenv")
def fnstenv(v: Processor, insn: Insn) -> None:
    """Store the environment, then mask all exceptions (SDM vol. 2A, FSTENV/FNSTENV)."""
    check_x87(v)
    write_bytes(v, linear(v, insn, _size(insn), write=True), _environment(v.floats, insn.operand_size), _unit(insn))
    v.floats.load(v.floats.control | EXCEPTIONS, v.floats.status)
    v.floats_changed()
    v.advance(insn)


@effect("fldenv")
def fldenv(v: Processor, insn: Insn) -> None:
    """Load the environment; an exception that it holds unmasked waits from here on (SDM vol. 2A, FLDENV)."""
    if waits(v):
        return
    size = _size(insn)
    _load_environment(v, read_bytes(v, linear(v, insn, size), size, _unit(insn)))
    v.floats_changed()
    v.advance(insn)


@effect("fnsave")
def fnsave(v: Processor, insn: Insn) -> None:
    """Store environment and registers, then do as fninit (SDM vol. 2A, FSAVE/FNSAVE)."""
    check_x87(v)
    floats, size = v.floats, _size(insn) + REGISTERS
    stack = floats.stack
    registers = b"".join(stack[i : i + 10] for i in range(0, 128, 16))
    write_bytes(v, linear(v, insn, size, write=True), _environment(floats, insn.operand_size) + registers, _unit(insn))
    floats.initialise()
    v.floats_changed()
    v.advance(insn)


@effect("frstor")
def frstor(v: Processor, insn: Insn) -> None:
    """Load environment and registers (SDM vol. 2A, FRSTOR)."""
    if waits(v):
        return
    size = _size(insn)
    data = read_bytes(v, linear(v, insn, size + REGISTERS), size + REGISTERS, _unit(insn))
    _load_environment(v, data[:size])
    v.floats.stack = b"".join(data[i : i + 10] + bytes(6) for i in range(size, size + REGISTERS, 10))
    v.floats_changed()
    v.advance(insn)


# --- fxsave


def _fx_operand(v: Processor, insn: Insn, write: bool) -> int:
    if not v.model.has(Feature.FXSR):
        raise GuestFault(UD)
    check_x87(v)
    at = linear(v, insn, 512, write)
    if at & 15:
        raise GuestFault(GP, 0)
    return at


@effect("fxsave")
def fxsave(v: Processor, insn: Insn) -> None:
    """Store both units; XMM registers and MXCSR with CR4.OSFXSR only (SDM vol. 2A, FXSAVE)."""
    at = _fx_operand(v, insn, write=True)
    floats, sse = v.floats, bool(v.cr4 & CR4_OSFXSR)
    words, last = (floats.control, floats.status, floats.full_tags()), floats.pointers
    head = struct.pack("<4HIIII", *words, last.opcode, last.instruction, last.code, last.operand, last.data)
    head += struct.pack("<II", floats.mxcsr, MXCSR_BITS) if sse else bytes(8)
    write_bytes(v, at, head + floats.stack + (b"".join(floats.xmm(i) for i in range(8)) if sse else b""))
    v.advance(insn)


@effect("fxrstor")
def fxrstor(v: Processor, insn: Insn) -> None:
    """Load both units; reserved bits of MXCSR are #GP(0) (SDM vol. 2A, FXRSTOR)."""
    at = _fx_operand(v, insn, write=False)
    sse = bool(v.cr4 & CR4_OSFXSR)
    data = read_bytes(v, at, FX_BYTES if sse else FX_XMM)
    control, status, tags, opcode, *last, mxcsr = struct.unpack_from("<4HIHxxIHxxI", data)
    if sse and mxcsr & ~MXCSR_BITS:
        raise GuestFault(GP, 0)
    floats = v.floats
    floats.load(control, status)
    floats.set_tags(~tags & 0xFF)
    floats.pointers = Pointers(opcode, last[1], last[0], last[3], last[2])
    floats.stack = b"".join(data[i : i + 10] + bytes(6) for i in range(FX_ST, FX_XMM, 16))
    if sse:
        floats.mxcsr = mxcsr
        for number in range(8):
            floats.set_xmm(number, data[FX_XMM + 16 * number : FX_XMM + 16 * number + 16])
    v.floats_changed()
    v.advance(insn)
