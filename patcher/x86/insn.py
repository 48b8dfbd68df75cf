# SPDX-License-Identifier: GPL-2.0-or-later
"""A decoded instruction: its encoding taken apart, without a name (SDM vol. 2A, section 2.1)."""

from dataclasses import dataclass

ES, CS, SS, DS, FS, GS = range(6)

RIP = 16
"""The ``base`` of a 64-bit operand relative to the next instruction."""

VEX_MAP = 4
"""The ``opmap`` of everything encoded with a VEX, EVEX or XOP prefix."""


@dataclass(frozen=True, slots=True)
class Insn:
    """One instruction, as encoded.

    ``opmap`` is 0 for the one-byte map, 1 for 0F, 2 for 0F 38, 3 for 0F 3A, 4 for VEX, EVEX
    and XOP encodings; ``opcode`` is the byte within it. Register numbers are the machine's (0 is eax). ``disp`` is
    sign-extended, except the offset of A0..A3, which is an address. ``imm`` is as encoded (unsigned), except
    the displacement of a relative branch, which is signed; a far pointer has its offset in ``imm`` and
    its selector in ``imm2``, and ``enter`` has its level in ``imm2``. ``prefixes`` counts prefix bytes.
    """

    raw: bytes
    bits: int
    opmap: int
    opcode: int
    modrm: int | None = None
    lock: bool = False
    rep: int = 0
    segment: int | None = None
    operand_size: int = 32
    address_size: int = 32
    base: int | None = None
    index: int | None = None
    scale: int = 1
    disp: int = 0
    imm: int = 0
    imm2: int = 0
    prefixes: int = 0
    rex: int = 0
    relative: bool = False

    @property
    def length(self) -> int:
        """Bytes, prefixes included."""
        return len(self.raw)

    @property
    def mod(self) -> int:
        """ModRM.mod, 0..3; 3 when there is no ModRM byte."""
        return 3 if self.modrm is None else self.modrm >> 6

    @property
    def reg(self) -> int:
        """ModRM.reg, 0..7, without REX.R; 0 when there is no ModRM byte."""
        return 0 if self.modrm is None else self.modrm >> 3 & 7

    @property
    def rm(self) -> int:
        """ModRM.rm, 0..7, without REX.B; 0 when there is no ModRM byte."""
        return 0 if self.modrm is None else self.modrm & 7

    @property
    def is_memory(self) -> bool:
        """Does ModRM name memory? The moves of control and debug registers ignore mod (SDM vol. 2B, MOV)."""
        if self.modrm is None or self.modrm >= 0xC0:
            return False
        return not (self.opmap == 1 and 0x20 <= self.opcode <= 0x27)

    @property
    def is_moffs(self) -> bool:
        """A move between the accumulator and an absolute offset (A0..A3): memory without a ModRM byte."""
        return self.opmap == 0 and 0xA0 <= self.opcode <= 0xA3

    @property
    def data_segment(self) -> int:
        """The memory operand's segment register: the override, else SS under (e)sp and (e)bp, else DS."""
        if self.segment is not None:
            return self.segment
        return SS if self.base in (4, 5) else DS

    @property
    def target_relative(self) -> int | None:
        """The displacement of a relative branch, from the next instruction; None for everything else."""
        return self.imm if self.relative else None

    def target(self, eip: int) -> int | None:
        """Where a relative branch at offset ``eip`` goes, cut to the operand size; None for everything
        else.
        """
        if not self.relative:
            return None
        return (eip + len(self.raw) + self.imm) & ((1 << self.operand_size) - 1)
