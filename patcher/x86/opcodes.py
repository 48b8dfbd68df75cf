# SPDX-License-Identifier: GPL-2.0-or-later
"""The opcode maps: what follows each opcode byte, where control goes after it, and what may be locked.

Source: SDM vol. 2D, appendix A. Each map is a grid of 16 rows of 16 cells; a cell is an operand code and
a flow mark.

    .    nothing follows              m    ModRM                r    ModRM that always names registers
    mb   ModRM, imm8                  mz   ModRM, imm16/32
    gb   ModRM, imm8 only in /0 /1    gz   ModRM, imm16/32 only in /0 /1
    ib   imm8      iw  imm16          iz   imm16/32             iv   imm16/32/64
    en   imm16, imm8 (enter)          ov   offset of address size
    ap   far pointer                  jb   8-bit displacement   jz   16/32-bit displacement
    -    undefined in every mode      pf   prefix or escape

    >  jump    ?  conditional branch    (  call    !  control does not go on    ~  control leaves by an event
"""

from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Final


class Flow(Enum):
    """Where control goes after an instruction."""

    NEXT = "next"
    JUMP = "jump"  # to its displacement, never to the next instruction
    COND = "cond"  # to its displacement or the next instruction
    CALL = "call"  # to a callee that normally returns to the next instruction
    STOP = "stop"  # elsewhere, not told by the bytes: returns, indirect jumps, far jumps, ud
    EVENT = "event"  # through a gate or a halt, and normally back to the next instruction: int n, hlt


class Operands(IntEnum):
    """What follows the opcode byte; the members' order is that of the legend above."""

    NOTHING = 0
    MODRM = 1
    REGISTERS = 2
    MODRM_B = 3
    MODRM_Z = 4
    GROUP_B = 5
    GROUP_Z = 6
    IMM_B = 7
    IMM_W = 8
    IMM_Z = 9
    IMM_V = 10
    ENTER = 11
    OFFSET = 12
    FAR = 13
    REL_B = 14
    REL_Z = 15
    UNDEFINED = 16
    PREFIX = 17


_LEGEND: Final = ". m r mb mz gb gz ib iw iz iv en ov ap jb jz - pf"
_CODES: Final = dict(zip(_LEGEND.split(), Operands, strict=True))
_MARKS: Final = {">": Flow.JUMP, "?": Flow.COND, "(": Flow.CALL, "!": Flow.STOP, "~": Flow.EVENT}


@dataclass(frozen=True, slots=True)
class Cell:
    """One opcode: what follows it and where control goes."""

    operands: Operands
    flow: Flow = Flow.NEXT

    @property
    def has_modrm(self) -> bool:
        """Does a ModRM byte follow?"""
        return Operands.MODRM <= self.operands <= Operands.GROUP_Z


def _cell(text: str) -> Cell:
    flow = _MARKS.get(text[-1], Flow.NEXT)
    return Cell(_CODES[text if flow is Flow.NEXT else text[:-1]], flow)


def _grid(text: str) -> tuple[Cell, ...]:
    cells = tuple(_cell(word) for line in text.strip().splitlines() for word in line.split()[1:])
    assert len(cells) == 256
    return cells


ONE_BYTE: Final = _grid("""
0_  m    m    m    m    ib   iz   .    .    m    m    m    m    ib   iz   .    pf
1_  m    m    m    m    ib   iz   .    .    m    m    m    m    ib   iz   .    .
2_  m    m    m    m    ib   iz   pf   .    m    m    m    m    ib   iz   pf   .
3_  m    m    m    m    ib   iz   pf   .    m    m    m    m    ib   iz   pf   .
4_  .    .    .    .    .    .    .    .    .    .    .    .    .    .    .    .
5_  .    .    .    .    .    .    .    .    .    .    .    .    .    .    .    .
6_  .    .    m    m    pf   pf   pf   pf   iz   mz   ib   mb   .    .    .    .
7_  jb?  jb?  jb?  jb?  jb?  jb?  jb?  jb?  jb?  jb?  jb?  jb?  jb?  jb?  jb?  jb?
8_  mb   mz   mb   mb   m    m    m    m    m    m    m    m    m    m    m    m
9_  .    .    .    .    .    .    .    .    .    .    ap(  .    .    .    .    .
a_  ov   ov   ov   ov   .    .    .    .    ib   iz   .    .    .    .    .    .
b_  ib   ib   ib   ib   ib   ib   ib   ib   iv   iv   iv   iv   iv   iv   iv   iv
c_  mb   mb   iw!  .!   m    m    mb   mz   en   .    iw!  .!   .~   ib~  .~   .!
d_  m    m    m    m    ib   ib   .    .    m    m    m    m    m    m    m    m
e_  jb?  jb?  jb?  jb?  ib   ib   ib   ib   jz(  jz>  ap!  jb>  .    .    .    .
f_  pf   .~   pf   pf   .~   .    gb   gz   .    .    .    .    .    .    m    m
""")
"""Opcodes without an escape. The flow of FF depends on ModRM.reg: see ``GROUP5_FLOW``."""

TWO_BYTE: Final = _grid("""
0_  m    m    m    m    -    .~   .    .!   .    .    -    .!   -    m    .    mb
1_  m    m    m    m    m    m    m    m    m    m    m    m    m    m    m    m
2_  r    r    r    r    r    -    r    -    m    m    m    m    m    m    m    m
3_  .    .    .    .    .~   .!   -    .    pf   -    pf   -    -    -    -    -
4_  m    m    m    m    m    m    m    m    m    m    m    m    m    m    m    m
5_  m    m    m    m    m    m    m    m    m    m    m    m    m    m    m    m
6_  m    m    m    m    m    m    m    m    m    m    m    m    m    m    m    m
7_  mb   mb   mb   mb   m    m    m    .    m    m    -    -    m    m    m    m
8_  jz?  jz?  jz?  jz?  jz?  jz?  jz?  jz?  jz?  jz?  jz?  jz?  jz?  jz?  jz?  jz?
9_  m    m    m    m    m    m    m    m    m    m    m    m    m    m    m    m
a_  .    .    .    m    mb   m    -    -    .    .    .!   m    mb   m    m    m
b_  m    m    m    m    m    m    m    m    m    m!   mb   m    m    m    m    m
c_  m    m    mb   m    mb   mb   mb   m    .    .    .    .    .    .    .    .
d_  m    m    m    m    m    m    m    m    m    m    m    m    m    m    m    m
e_  m    m    m    m    m    m    m    m    m    m    m    m    m    m    m    m
f_  m    m    m    m    m    m    m    m    m    m    m    m    m    m    m    m!
""")
"""Opcodes after 0F. ud0 (FF) and ud1 (B9) have a ModRM byte (SDM vol. 2B, UD)."""

THREE_BYTE_38: Final = (Cell(Operands.MODRM),) * 256
THREE_BYTE_3A: Final = (Cell(Operands.MODRM_B),) * 256

MAPS: Final = (ONE_BYTE, TWO_BYTE, THREE_BYTE_38, THREE_BYTE_3A)
"""The maps, indexed by ``Insn.opmap``."""

GROUP5_FLOW: Final = (
    Flow.NEXT, Flow.NEXT, Flow.CALL, Flow.CALL, Flow.STOP, Flow.STOP, Flow.NEXT, Flow.STOP,
)  # fmt: skip
"""FF by ModRM.reg: inc, dec, call, far call, jmp, far jmp, push, undefined."""

UNDEFINED_IN_64: Final = frozenset(
    bytes.fromhex("06 07 0e 16 17 1e 1f 27 2f 37 3f 60 61 82 9a ce d4 d5 d6 ea")
)
"""One-byte opcodes that 64-bit mode took away (SDM vol. 2D, table A-2, superscript i64)."""

_ALL: Final = 0xFF
LOCKABLE: Final[dict[tuple[int, int], int]] = {
    **{(0, op | low): _ALL for op in (0x00, 0x08, 0x10, 0x18, 0x20, 0x28, 0x30, 0x86) for low in (0, 1)},
    **{(0, op): 0b0111_1111 for op in (0x80, 0x81, 0x82, 0x83)},  # not cmp
    **{(0, op): 0b0000_1100 for op in (0xF6, 0xF7)},  # not, neg
    **{(0, op): 0b0000_0011 for op in (0xFE, 0xFF)},  # inc, dec
    **{(1, op): _ALL for op in (0xAB, 0xB3, 0xBB, 0xB0, 0xB1, 0xC0, 0xC1)},  # bts btr btc cmpxchg xadd
    (1, 0xBA): 0b1110_0000,  # bts, btr, btc with an immediate
    (1, 0xC7): 0b0000_0010,  # cmpxchg8b
}
"""(map, opcode) → a bit for each ModRM.reg that may be locked when its destination is memory (SDM vol.
2A, LOCK).
"""
