# SPDX-License-Identifier: GPL-2.0-or-later
"""By what the address of an instruction's memory operand must be divisible (SDM vol. 3A, table 6-7, and vol. 2).

Only instructions that run on the engine are here: the effects of the catalogue's rows check their own accesses. A cell
is one of

    .   no access, bytes, or no such instruction      w d q   2, 4, 8         v   the operand size
    x   16, and otherwise #GP instead of #AC          u       8: the 128-bit moves that may be unaligned

Whether these moves raise #AC at all depends on the processor; this one does, when the address is not divisible by 8
(vol. 3A, section 6.15, which also leaves a misaligned fxsave to #GP).
"""

from typing import Final

from patcher.catalogue.index import mandatory_prefix
from patcher.x86.insn import Insn

SSE: Final = 16
"""What must be divisible by this raises #GP(0) when it is not."""

_UNITS: Final = {".": 1, "w": 2, "d": 4, "q": 8, "u": 8, "x": SSE}
_FLOAT: Final = range(0xD8, 0xE0)

_ONE_BYTE: Final = """
01 03 09 0b 11 13 19 1b 21 23 29 2b 31 33 39 3b     vvvvvvvv
69 6b 81 83 85 87 89 8b a1 a3 c1 c7 d1 d3           vvvvvvvv
8f                                                  v.......
f7                                                  vvvvvvvv
ff                                                  vvv.v.v.
d8 da                                               dddddddd
d9                                                  d.ddvwvw
db                                                  dddd.q.q
dc                                                  qqqqqqqq
dd                                                  qqqqv.vw
de                                                  wwwwwwww
df                                                  wwwwqqqq
"""
"""Opcodes, then a cell for each ModRM.reg. `v` of an x87 instruction is an environment or a whole state."""

_TWO_BYTE: Final = """
40 41 42 43 44 45 46 47 48 49 4a 4b 4c 4d 4e 4f     vvvvvvvv
a3 a4 a5 ab ac ad af b1 b3 bb bc bd c1              vvvvvvvv
b7 bf                                               wwwwwwww
ba                                                  ....vvvv
c3                                                  dddddddd
c7                                                  .q......
ae                                                  xxdd....
"""

_VECTOR: Final = """
10 11                                               uudq
12                                                  qqxq
13 17                                               qq..
14 15                                               xx..
16                                                  qqx.
28 29 2b                                            xx..
2a                                                  qqdd
2c 2d                                               qxdq
2e 2f                                               dq..
51 58 59 5c 5d 5e 5f                                xxdq
52 53                                               x.d.
54 55 56 57                                         xx..
5a                                                  qxdq
5b                                                  xxx.
60 61 62                                            dx..
63 64 65 66 67 68 69 6a 6b                          qx..
6c 6d                                               .x..
6e                                                  dd..
6f 7f                                               qxu.
70                                                  qxxx
74 75 76                                            qx..
7c 7d                                               .x.x
7e                                                  ddq.
c2                                                  xxdq
c4                                                  ww..
c6                                                  xx..
d0                                                  .x.x
d1 d2 d3 d4 d5 d8 d9 da db dc dd de df              qx..
d6                                                  .q..
e0 e1 e2 e3 e4 e5 e8 e9 ea eb ec ed ee ef           qx..
e6                                                  .xqx
e7                                                  qx..
f0                                                  ...u
f1 f2 f3 f4 f5 f6 f8 f9 fa fb fc fd fe              qx..
"""
"""MMX, SSE, SSE2 and SSE3 after 0F: opcodes, then a cell for no prefix, 66, F3 and F2."""


def _rows(text: str) -> dict[int, str]:
    return {
        opcode: cells
        for *opcodes, cells in (line.split() for line in text.split("\n") if line)
        for opcode in bytes.fromhex("".join(opcodes))
    }


_GENERAL: Final = (_rows(_ONE_BYTE), _rows(_TWO_BYTE))
_VECTORS: Final = _rows(_VECTOR)
_COLUMN: Final = {0: 0, 0x66: 1, 0xF3: 2, 0xF2: 3}


def is_float(insn: Insn) -> bool:
    """Does it use the x87 registers, as MMX instructions do, or the SSE registers or MXCSR?"""
    if insn.opmap == 0:
        return insn.opcode in _FLOAT
    return insn.opmap == 1 and (insn.opcode in _VECTORS or insn.opcode in (0xAE, 0xF7))


def is_sse(insn: Insn) -> bool:
    """Is it #UD unless CR4.OSFXSR is set? fxsave is not, nor what works on MMX registers (SDM vol. 3A, 2.5)."""
    if insn.opmap != 1 or not is_float(insn):
        return False
    if insn.opcode == 0xAE:
        return insn.reg in (2, 3)
    return insn.opcode < 0x60 or insn.opcode in (0xC2, 0xC6) or mandatory_prefix(insn) != 0


def divisor(insn: Insn) -> int:
    """By what the address of its explicit memory operand must be divisible; 1 when it has none."""
    if not (insn.is_memory or insn.is_moffs) or insn.opmap > 1:
        return 1
    cells = _VECTORS.get(insn.opcode) if insn.opmap else None
    if cells is not None:
        return _UNITS[cells[_COLUMN[mandatory_prefix(insn)]]]
    cell = _GENERAL[insn.opmap].get(insn.opcode, "........")[insn.reg]
    return insn.operand_size >> 3 if cell == "v" else _UNITS[cell]
