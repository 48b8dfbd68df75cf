# SPDX-License-Identifier: GPL-2.0-or-later
"""How much bytes look like code: for each opcode, how much commoner it is in code than in data read as code.

A letter is a logarithm of that ratio in half bits, M is 0. The counts are of 2.5 million instructions of compiled
code (Debian's Linux modules, libc, libm, busybox; 32 and 64 bit) and of 0.8 million that their read-only data decode
to (`vmm/bench/audit/likelihood_counts.py` counts). What occurs in neither counts as somewhat unlikely; sensitive
instructions, rare anywhere but in kernels, as no more than that, and nop, with which compilers pad code and linkers
data, as nothing.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

from patcher.follow.lane import Lane
from patcher.follow.modes import instruction
from patcher.follow.rejected import is_rejected, is_reserved
from patcher.x86.walk import SENSITIVE, STOP, TRUNCATED, UNDECODABLE

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
_PREFIX_ODDS: Final = {16: "UQAJEEUSJJR", 32: "AAAJDIQAONQ", 64: "ASACMHUASXU"}
"""In 16-bit code `gcc -m16` changes sizes of operands and addresses nearly everywhere (Y and Y were counted), what is
written by hand does so less often, and data hardly ever do. Its opcodes are those of 32-bit code."""

_TEXT: Final = re.compile(
    rb"(?!(?:A?[P-W]){6})(?:"  # pushes of registers, behind A of the upper eight: functions begin with rows of them
    rb"[\t\n\r\x1b -~]{5,}\0"
    rb"|(?=(?:[^a-z ]{0,10}[a-z ]){2})[\t\n\r -~]{12,}"
    rb"|(?:[ -~]\0){4,}"
    rb"|(?<=[ -~][ -~]\0)[\t\n\r\x1b -~]{2,}\0"  # behind another text
    rb"|[ -~]+\0[ -~]{3,}\0)"
)
"""What text looks like; of 510,000 functions of real programs 13 begin so."""

BAD: Final = -8.0
"""The score of bytes that are no instruction."""
_SENSITIVE: Final = -0.5
_SKIPPED: Final = 256
"""A call over so few bytes may have pushed their address: they are text, or other data."""
_NOP: Final = 0x90
_CALL: Final = 0xE8
_VEX: Final = (0xC4, 0xC5, 0x62)


def _values(letters: str) -> tuple[float, ...]:
    return tuple((ord(letter) - ord("M")) / 2 for letter in letters)


@dataclass(frozen=True, slots=True)
class _Odds:
    """The odds of one code size: of opcodes in the one-byte and the two-byte map, of the rest, and of prefixes."""

    one_byte: tuple[float, ...]
    two_byte: tuple[float, ...]
    rest: tuple[float, ...]
    prefixes: dict[int, float]


@cache
def _odds(bits: int) -> _Odds:
    text = _ODDS_64 if bits == 64 else _ODDS_32
    values = _values("".join(line.split()[1] for line in text.split("\n") if line))
    prefixes = dict(zip(PREFIXES, _values(_PREFIX_ODDS[bits]), strict=True))
    return _Odds(values[:256], values[256:], _values(_REST[64 if bits == 64 else 32]), prefixes)


def evidence(lane: Lane, offset: int) -> tuple[float, int, bool]:
    """Of what stands at an offset: bits of evidence for being code, its length, and whether control ends there."""
    code, entry, start = lane.code, lane.entry(offset), offset
    kind = entry >> 4
    if kind & (UNDECODABLE | TRUNCATED):
        return BAD, 1, True
    odds, prefixed = _odds(lane.bits), 0.0
    while code[offset] in odds.prefixes:
        prefixed += odds.prefixes[code[offset]]
        offset += 1
    while lane.bits == 64 and code[offset] & 0xF0 == 0x40:
        offset += 1
    if is_reserved(code[offset], code[offset + 1 : offset + 2]) or (kind & SENSITIVE and _is_rejected(lane, start)):
        return BAD, entry & 15, bool(kind & STOP)
    found = _of_opcode(code, offset, lane.bits, odds)
    if kind & SENSITIVE:
        found = max(found, _SENSITIVE)
    return 0.0 if code[offset] == _NOP else found + prefixed, entry & 15, bool(kind & STOP)


def _is_rejected(lane: Lane, offset: int) -> bool:
    insn = instruction(lane, offset)
    return insn is not None and is_rejected(insn)


def _of_opcode(code: bytes, offset: int, bits: int, odds: _Odds) -> float:
    """The evidence of an opcode behind its prefixes."""
    byte = code[offset]
    if byte == 0x0F:
        following = code[offset + 1]
        return odds.rest[following >> 1 & 1] if following in (0x38, 0x3A) else odds.two_byte[following]
    if byte in _VEX and (bits == 64 or code[offset + 1] >= 0xC0):
        return odds.rest[2]
    return odds.one_byte[byte]



def is_text(lane: Lane, offset: int) -> bool:
    """Do the bytes at an offset read as text?"""
    return _TEXT.match(lane.code, offset) is not None


def in_a_row(lane: Lane, offset: int, count: int, skips: bool = False) -> Iterator[tuple[int, float]]:
    """Offsets in a row from `offset`, up to `count` or to a jump, and the evidence of the instruction at each. With
    `skips`, what is behind a call over a few bytes are those that it leads to."""
    stops = False
    while count and offset < lane.size and not stops:
        found, length, stops = evidence(lane, offset)
        yield offset, found
        offset += length + (_skipped(lane, offset, length) if skips else 0)
        count -= 1


def _skipped(lane: Lane, offset: int, length: int) -> int:
    """How many bytes a call jumps over."""
    code = lane.code
    if length != 5 or code[offset] != _CALL:
        return 0
    distance = int.from_bytes(code[offset + 1 : offset + 5], "little")
    return distance if distance < _SKIPPED else 0


def score(lane: Lane, offset: int, count: int) -> tuple[float, int]:
    """The sum over up to `count` instructions in a row from `offset`, and how many they were; a jump ends them."""
    scores = [found for _, found in in_a_row(lane, offset, count)]
    return sum(scores), len(scores)


def plausibility(lane: Lane, offset: int, count: int) -> float:
    """The mean over the next instructions; below 0 they look more like data."""
    total, number = score(lane, offset, count)
    return total / number if number else BAD
