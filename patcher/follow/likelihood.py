# SPDX-License-Identifier: GPL-2.0-or-later
"""How much bytes look like code: for each opcode, how much commoner it is in code than in data read as code.

A letter is a logarithm of that ratio in half bits, M is 0. The counts are of 2.5 million instructions of compiled
code (Debian's Linux modules, libc, libm, busybox; 32 and 64 bit) and of 0.8 million that their read-only data decode
to (`vmm/bench/audit/likelihood_counts.py` counts). What occurs in neither counts as somewhat unlikely; sensitive
instructions, rare anywhere but in kernels, as no more than that.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import Final

from patcher.catalogue import classify
from patcher.follow.rejected import is_rejected
from patcher.follow.space import Lane
from patcher.x86.decode import Flow, Truncated, flow
from patcher.x86.insn import Insn
from patcher.x86.xop import decode_any

_ODDS_32: Final = """
_0    ALAKAMAAJPAMAIAJ
_1    AKAKAAAAAQAMAAAA
_2    AMEJDGJAAQATACJA
_3    APAGAAJAHTBRQJJA
_4    ICJAAAJGHAICAAAA
_5    QQNOAQSTNMPUASVK
_6    AAAAJJJJMAVHAAAA
_7    AAEJLNHKHIIHMNSO
_8    RXAYUYHQTYRYAYBB
_9    XAJAAAAADNAJBALA
_a    ASNNKNAAPPJOAAAA
_b    GBJGABDAWWXSAOTR
_c    HSLWAAVYAPAAAGAA
_d    ERATAAAAVYLVQXTV
_e    AAAJAAAAYYAYGGKJ
_f    JAJJCAUUAADBCAJM
0f_0  AIJJJJJJEJJTJJJJ
0f_1  MOXXKILJQJJJJJJJ
0f_2  JJJJJJJJYYJJIJHK
0f_3  JDJJJJJJJJJJJJJJ
0f_4  HJSRXXSSQTJJPSSS
0f_5  JJJJJJJGQRNJLJGJ
0f_6  PJKJXJJJJJJJJJOY
0f_7  NJJUYJSJJJJJJJTY
0f_8  KNYYYYYYYVUMUTYY
0f_9  LJRPWYRQJJOQNLOR
0f_a  JJNSSQJJJJJNTQOW
0f_b  JWJMJJYYJJTJTTYR
0f_c  EPJJJJHJSPPLJKMK
0f_d  JJJJEJUYJJWXJJOJ
0f_e  JJJJJJJRJJJVJJJW
0f_f  JJJJJJEJUJJJJJJJ
"""

_ODDS_64: Final = """
_0    ANALAJJJDTAKCKJJ
_1    AJAFAAJJAPACCAJJ
_2    APFOAJJJATAVAJJJ
_3    CWJNACJJNXDSRLJJ
_4    JJJJJJJJJJJJJJJJ
_5    KLHPOTSQJMQVWXUJ
_6    JJJLJJJJBCPHAAAA
_7    AAGIOQLNKJJHNNTQ
_8    TXJYVYFQSYSYAYAB
_9    WFJAAAAAQLJGAAAA
_a    AAAAIOAATOKRAAAA
_b    JFGHJGGFWWWSPRWV
_c    MYAYJJUYAHAAJAJA
_d    HQAUJJJAQUHUMURR
_e    AAACAAAAYYJYAAAA
_f    JAJJAAVVAAAAACIK
0f_0  APJJJVJJDJJUJJJD
0f_1  YYMJLHPIUJJJJJPY
0f_2  JJJJJJJJYYRRQGWV
0f_3  JHJJJJJJJJJJJJJJ
0f_4  FGSQWWSTRRJHPPRS
0f_5  OPJJWQSSYYPJXIUH
0f_6  MLOJVJJJJJGJSLWY
0f_7  PHNXYJTJJJJJJJVV
0f_8  LMYYYYYYXUTKTSXX
0f_9  KJRNWWPPHJNPPKNR
0f_a  JJMUULJJJJJQFKTV
0f_b  JVJNJJYYJJVGYUXR
0f_c  JSNJJHLFWRUMNNRN
0f_d  JJJJRJPXJJSTJJLW
0f_e  JJJJJJGMJJJUJJJY
0f_f  JJJJJJJJUJHHXJIJ
"""

_REST: Final = {32: "SYG", 64: "OWV"}
"""Maps 0F 38 and 0F 3A, and VEX."""
PREFIXES: Final = dict(zip(b"\x26\x2e\x36\x3e\x64\x65\x66\x67\xf0\xf2\xf3", range(11), strict=True))
_PREFIX_ODDS: Final = {32: "AAAJDIQAONQ", 64: "ASACMHUASXU"}

_TEXT: Final = re.compile(rb"(?!(?:A?[P-W]){6})(?:[\t\n\r\x1b -~]{5,}\0|[\t\n\r -~]{12,}|(?:[ -~]\0){4,})")
"""P to W are pushes of registers, behind A of the upper eight: handlers of interrupts begin with rows of them."""

BAD: Final = -8.0
"""The score of bytes that are no instruction."""
_SENSITIVE: Final = -0.5
_SKIPPED: Final = 256
"""A call over so few bytes may have pushed their address: they are text, or other data."""


@cache
def _odds(bits: int) -> tuple[tuple[float, ...], ...]:
    """By map and opcode."""
    text = _ODDS_64 if bits == 64 else _ODDS_32
    letters = "".join(line.split()[1] for line in text.split("\n") if line)
    values = tuple((ord(letter) - ord("M")) / 2 for letter in letters)
    rest = tuple((ord(letter) - ord("M")) / 2 for letter in _REST[64 if bits == 64 else 32])
    return values[:256], values[256:], rest


def instruction_score(insn: Insn) -> float:
    """Bits of evidence that an instruction gives for being code."""
    if is_rejected(insn):
        return BAD
    odds = _odds(insn.bits)
    score = odds[insn.opmap][insn.opcode] if insn.opmap < 2 else odds[2][insn.opmap - 2]
    if classify(insn) is not None:
        score = max(score, _SENSITIVE)
    letters = _PREFIX_ODDS[64 if insn.bits == 64 else 32]
    for byte in insn.raw[: insn.prefixes]:
        index = PREFIXES.get(byte)
        if index is not None and not (insn.bits == 16 and byte in (0x66, 0x67, 0x2E, 0x26)):
            score += (ord(letters[index]) - ord("M")) / 2
    return score


def is_text(lane: Lane, offset: int) -> bool:
    """Do the bytes at an offset read as text?"""
    return _TEXT.match(lane.code, offset) is not None


def in_a_row(lane: Lane, offset: int, count: int, skips: bool = False) -> Iterator[tuple[int, Insn | None]]:
    """Offsets and instructions in a row from `offset`: up to `count`, to a jump, or to None, which is none. With
    `skips`, what is behind a call over a few bytes are those that it leads to."""
    for _ in range(count):
        try:
            insn = decode_any(lane.code, offset, lane.bits) if offset < lane.size else None
        except Truncated:
            insn = None
        yield offset, insn
        if insn is None or flow(insn) in (Flow.JUMP, Flow.STOP):
            return
        offset += insn.length
        if skips and flow(insn) is Flow.CALL and insn.relative and 0 < insn.imm < _SKIPPED:
            offset += insn.imm


def score(lane: Lane, offset: int, count: int) -> tuple[float, int]:
    """The sum over up to `count` instructions in a row from `offset`, and how many they were; a jump ends them."""
    scores = [BAD if insn is None else instruction_score(insn) for _, insn in in_a_row(lane, offset, count)]
    return sum(scores), len(scores)


def plausibility(lane: Lane, offset: int, count: int) -> float:
    """The mean over the next instructions; below 0 they look more like data."""
    total, number = score(lane, offset, count)
    return total / number if number else BAD
