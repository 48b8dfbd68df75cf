# SPDX-License-Identifier: GPL-2.0-or-later
"""Instructions without operands in their encoding: which registers they write (SDM vol. 2, operation of each).

What is not listed here nor modelled elsewhere makes every register unknown, and with them the address of a table that
was loaded before it.
"""

from typing import Final

from patcher.follow.state import EAX, ECX, EDX, State
from patcher.x86.insn import Insn

EBX, ESI, EDI, R11 = 3, 6, 7, 11

ONE_BYTE: Final[dict[int, tuple[int, ...]]] = {
    **dict.fromkeys((0x6C, 0x6D), (EDI,)),  # ins
    **dict.fromkeys((0x6E, 0x6F), (ESI,)),  # outs
    0x99: (EDX,),  # cwd, cdq, cqo
    0x9B: (),  # fwait
    0x9E: (),  # sahf
    0x9F: (EAX,),  # lahf
    **dict.fromkeys((0xA4, 0xA5, 0xA6, 0xA7), (ESI, EDI)),  # movs, cmps
    **dict.fromkeys((0xAA, 0xAB, 0xAE, 0xAF), (EDI,)),  # stos, scas
    **dict.fromkeys((0xAC, 0xAD), (EAX, ESI)),  # lods
    0xD7: (EAX,),  # xlat
    **dict.fromkeys((0xE4, 0xE5, 0xEC, 0xED), (EAX,)),  # in
    **dict.fromkeys((0xE6, 0xE7, 0xEE, 0xEF), ()),  # out
}

TWO_BYTE: Final[dict[int, tuple[int, ...]]] = {
    **dict.fromkeys((0x06, 0x08, 0x09, 0x30, 0x77), ()),  # clts, invd, wbinvd, wrmsr, emms
    **dict.fromkeys((0x31, 0x32, 0x33), (EAX, EDX)),  # rdtsc, rdmsr, rdpmc
    0x05: (EAX, ECX, R11),  # syscall
    0xA2: (EAX, ECX, EDX, EBX),  # cpuid
}

_STRINGS: Final = frozenset((*range(0x6C, 0x70), *range(0xA4, 0xA8), *range(0xAA, 0xB0)))
_STORING: Final = frozenset((0x6C, 0x6D, 0xA4, 0xA5, 0xAA, 0xAB))


def implicit(s: State, insn: Insn, at: int) -> None:
    """Make what it writes unknown; a string that is stored may lie over what the path stored before."""
    written = (ONE_BYTE if insn.opmap == 0 else TWO_BYTE)[insn.opcode]
    for number in written:
        s.assign(number, s.natural, s.fresh())
    if insn.opmap == 0 and insn.opcode in _STRINGS:
        if insn.rep:
            s.assign(ECX, s.natural, s.fresh())
        if insn.opcode in _STORING:
            s.slots.clear()
            s.stack[:] = [s.fresh() for _ in s.stack]


def swap_bytes(s: State, insn: Insn, at: int) -> None:
    """bswap."""
    s.assign(insn.opcode & 7 | (insn.rex & 1) << 3, s.natural, s.fresh())
