# SPDX-License-Identifier: GPL-2.0-or-later
"""Operands of a decoded instruction: effective addresses and the r/m operand (SDM vol. 2A, section 2.1.5).

Accesses through a segment that is not flat are checked as the SDM says; the engine itself checks no limits.
"""

from patcher.x86.exceptions import UD, GuestFault
from patcher.x86.insn import Insn
from vmm.processor import Processor
from vmm.segmentation import MASK32, check_access


def effective(v: Processor, insn: Insn) -> int:
    """Offset of the memory operand in its segment, wrapped to the address size."""
    regs = v.regs
    offset = insn.disp
    base = insn.base
    if base is not None:
        offset += regs[base]
    index = insn.index
    if index is not None:
        offset += regs[index] * insn.scale
    return offset & (MASK32 if insn.address_size == 32 else 0xFFFF)


def linear(v: Processor, insn: Insn, size: int, write: bool = False) -> int:
    """Linear address of the memory operand, its segment checked for an access of `size` bytes."""
    index = insn.data_segment
    segment = v.segment(index)
    offset = effective(v, insn)
    if segment.limit != MASK32 or segment.flags & 0x9E00 != 0x9200:
        check_access(index, segment, offset, size, write)
    return segment.base + offset & MASK32


def memory_only(insn: Insn) -> None:
    """#UD for the register form of an instruction that has none."""
    if not insn.is_memory:
        raise GuestFault(UD)


def read_rm(v: Processor, insn: Insn, size: int) -> int:
    """The r/m operand, 2 or 4 bytes."""
    if insn.is_memory:
        return v.mem.read(linear(v, insn, size), size)
    value: int = v.regs[insn.rm]
    return value if size == 4 else value & 0xFFFF


def set_register(v: Processor, register: int, size: int, value: int) -> None:
    """Write 2 or 4 bytes of a general register."""
    if size == 2:
        value = v.regs[register] & 0xFFFF_0000 | value & 0xFFFF
    v.regs[register] = value


def store_selector(v: Processor, insn: Insn, value: int) -> None:
    """Store 16 bits as sldt, str and `mov r/m, sreg` do: zero-extended to a register of operand size."""
    if insn.is_memory:
        v.mem.write(linear(v, insn, 2, write=True), 2, value)
    else:
        set_register(v, insn.rm, insn.operand_size >> 3, value)


def read_bytes(v: Processor, at: int, size: int, unit: int = 4) -> bytes:
    """`size` bytes (an even number) at linear `at`, `unit` at a time as far as anybody can tell."""
    whole = v.mem.read_block(at, size)
    if whole is not None:
        return whole
    parts = [(i, min(unit, size - i)) for i in range(0, size, unit)]
    return b"".join(v.mem.read(at + i, part).to_bytes(part, "little") for i, part in parts)


def write_bytes(v: Processor, at: int, data: bytes, unit: int = 4) -> None:
    """Write an even number of bytes at linear `at`, `unit` at a time, once it is sure that all can be written."""
    if v.mem.write_block(at, data):
        return
    parts = [data[i : i + unit] for i in range(0, len(data), unit)]
    for i, part in enumerate(parts):
        v.mem.probe(at + unit * i, len(part))
    for i, part in enumerate(parts):
        v.mem.write(at + unit * i, len(part), int.from_bytes(part, "little"))
