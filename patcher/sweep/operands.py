# SPDX-License-Identifier: GPL-2.0-or-later
"""Forms of instructions as regular expressions of bytes."""

import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Final

from patcher.sweep.forms import (
    EVERY_MODRM,
    POP,
    VEX_BYTES,
    Form,
    ModRMs,
    Size,
    Wanted,
    Which,
    forms,
)
from patcher.x86.opcodes import MAPS, Operands

_ESCAPES: Final = (b"", b"\x0f", b"\x0f8", b"\x0f:")
_FREQUENT: Final = (b"\x89", b"\xe8", b"\x50", b"\x0f", b"\x83", b"\x74", b"\x81", b"\x0f\x84", b"\x0f\xb6")
"""Opcodes in the order in which their forms are tried, the most frequent first; it changes speed alone."""


def one_of(values: Iterable[int]) -> bytes:
    """One byte of these values."""
    members = set(values)
    if len(members) == 256:
        return b"."
    if len(members) == 1:
        return re.escape(bytes(members))
    starts = sorted(value for value in members if value - 1 not in members)
    ends = sorted(value for value in members if value + 1 not in members)
    ranges = (
        re.escape(bytes((first,))) + (b"" if first == last else b"-" + re.escape(bytes((last,))))
        for first, last in zip(starts, ends, strict=True)
    )
    return b"[" + b"".join(ranges) + b"]"


def either(alternatives: Iterable[bytes]) -> bytes:
    """The first of these that matches."""
    found = list(alternatives)
    return found[0] if len(found) == 1 else b"(?:" + b"|".join(found) + b")"


_NO_BASE: Final = [sib for sib in range(256) if sib & 7 == 5]
_BASE: Final = [sib for sib in range(256) if sib & 7 != 5]
_TAILS: Final = {
    "": b"", "disp8": b".", "sib disp8": b"..", "disp16": b"..", "disp32": b"....", "sib disp32": b".....",
    "sib": either((one_of(_BASE), one_of(_NO_BASE) + b"....")),
}  # fmt: skip


def _tail_16(mod: int, rm: int) -> str:
    """What follows ModRM (SDM vol. 2A, table 2-1)."""
    return "disp16" if mod == 2 or (mod == 0 and rm == 6) else ("", "disp8")[mod]


def _tail_32(mod: int, rm: int) -> str:
    """SDM vol. 2A, tables 2-2 and 2-3."""
    if mod == 0 and rm == 5:
        return "disp32"
    return (("sib " if rm == 4 else "") + ("", "disp8", "disp32")[mod]).rstrip()


@cache
def operand(address: int, modrms: ModRMs = EVERY_MODRM) -> bytes:
    """ModRM with one of these values, its SIB byte and its displacement."""
    by_tail: dict[str, list[int]] = {name: [] for name in _TAILS}
    tail = _tail_16 if address == 16 else _tail_32
    for modrm in modrms:
        by_tail["" if modrm >= 0xC0 else tail(modrm >> 6, modrm & 7)].append(modrm)
    return either(one_of(members) + _TAILS[name] for name, members in by_tail.items() if members)


def _whole(form: Form, address: int) -> bytes:
    text = one_of(form.opcodes)
    if form.modrms is not None:
        text += one_of(form.modrms) if form.registers else operand(address)
    return text + b"." * form.immediate


def _parts(found: Iterable[Form], address: int) -> Iterator[bytes]:
    """Opcodes that ModRM divides share one expression of the operand; ahead of it ModRM is looked at."""
    heads: dict[int, list[bytes]] = {}
    for form in found:
        if form.modrms is not None and not form.is_whole:
            head = one_of(form.opcodes) + b"(?=" + one_of(form.modrms) + b")"
            heads.setdefault(form.immediate, []).append(head)
    for immediate, alternatives in heads.items():
        yield either(alternatives) + operand(address) + b"." * immediate


def _one_map(bits: int, opmap: int, size: Size, wanted: Wanted, which: Which) -> list[tuple[int, bytes]]:
    """The forms of one map, each with its place in the order."""
    found = forms(bits, opmap, size, wanted, which)
    ranked = [(_rank(opmap, form.opcodes), _whole(form, size.address)) for form in found if form.is_whole]
    return sorted(ranked) + [(len(_FREQUENT), text) for text in _parts(found, size.address)]


def _rank(opmap: int, opcodes: Iterable[int]) -> int:
    names = {_ESCAPES[opmap] + bytes((opcode,)) for opcode in opcodes}
    return next((place for place, name in enumerate(_FREQUENT) if name in names), len(_FREQUENT))


def every_map(bits: int, size: Size, wanted: Wanted, which: Which) -> list[bytes]:
    """The instructions of all maps that are wanted, as alternatives."""
    one_byte, escaped, *longer = (_one_map(bits, opmap, size, wanted, which) for opmap in range(4))
    for escape, found in zip(_ESCAPES[2:], longer, strict=True):
        if found:
            escaped.append((len(_FREQUENT), escape[1:] + either(text for _, text in found)))
    if escaped:
        one_byte.append((_rank(0, (0x0F,)), _ESCAPES[1] + either(text for _, text in escaped)))
    return [text for _, text in sorted(one_byte, key=lambda ranked: ranked[0])]


def openings(bits: int, wanted: Wanted, which: Which) -> bytes:
    """The first bytes of instructions that are wanted: opcode, and ModRM where that divides."""
    found: list[bytes] = []
    for opmap, escape in enumerate(_ESCAPES):
        by_modrms = _divisions(forms(bits, opmap, Size(32, 32), wanted, which))
        whole = by_modrms.pop(EVERY_MODRM, None)
        found += [escape + one_of(whole)] if whole else []
        found += [escape + one_of(opcodes) + one_of(modrms) for modrms, opcodes in by_modrms.items()]
    return either(found)


def _divisions(found: Iterable[Form]) -> dict[ModRMs, set[int]]:
    """Opcodes by the values of ModRM in all their forms; no ModRM counts as all values."""
    seen: dict[int, set[int]] = {}
    by_modrms: dict[ModRMs, set[int]] = {EVERY_MODRM: set()}
    for form in found:
        if form.modrms is None or form.modrms == EVERY_MODRM:
            by_modrms[EVERY_MODRM] |= form.opcodes
        else:
            for opcode in form.opcodes:
                seen.setdefault(opcode, set()).update(form.modrms)
    for opcode, modrms in seen.items():
        by_modrms.setdefault(frozenset(modrms), set()).add(opcode)
    return by_modrms


def vex(bits: int) -> bytes:
    """VEX and EVEX encodings, which no row claims (SDM vol. 2A, section 2.3.5; lengths as ``decode`` has them)."""
    modrm = operand(bits)
    tails: dict[Operands, set[int]] = {}
    for opcode, cell in enumerate(MAPS[1]):
        kind = cell.operands if cell.operands <= Operands.MODRM_B else Operands.MODRM
        tails.setdefault(kind, set()).add(opcode)
    behind = {
        Operands.NOTHING: b"",
        Operands.MODRM: modrm,
        Operands.REGISTERS: b".",
        Operands.MODRM_B: modrm + b".",
    }
    first = either(one_of(tails[kind]) + text for kind, text in behind.items() if kind in tails)
    maps = (first, b"." + modrm, b"." + modrm + b".")
    return one_of(VEX_BYTES) + either(_vex_front(bits, number) + text for number, text in enumerate(maps, 1))


def _vex_front(bits: int, opmap: int) -> bytes:
    """What lies between C4, C5 or 62 and an opcode of this map; outside 64-bit code ModRM.mod must be 3."""
    second = range(256) if bits == 64 else range(0xC0, 0x100)
    c4, evex = ([byte for byte in second if byte & mask == opmap] for mask in (0x1F, 7))
    found = [b"(?<=\xc4)" + one_of(c4) + b".", b"(?<=b)" + one_of(evex) + b".."]
    return either([b"(?<=\xc5)" + one_of(second), *found] if opmap == 1 else found)


def of_other_makers(bits: int) -> list[bytes]:
    """Instructions of AMD (XOP, APM vol. 6) and VIA (PadLock, 0F A6 and A7), as ``decode`` has them.

    Libraries hold them behind a look at cpuid. Taken for something shorter they would put the sweep out of step.
    """
    padlock = _ESCAPES[1] + one_of((0xA6, 0xA7)) + one_of(range(0xC0, 0x100))
    return [padlock, b"\xf3" + padlock] + ([_xop(bits)] if bits != 16 else [])


def _xop(bits: int) -> bytes:
    """Map, another byte, opcode, operand, and an immediate by the map."""
    behind = {8: b".", 9: b"", 10: b"...."}
    maps = (
        one_of(byte for byte in EVERY_MODRM if byte & 0x1F == opmap) + b".." + operand(bits) + more
        for opmap, more in behind.items()
    )
    return re.escape(bytes((POP,))) + either(maps)
