# SPDX-License-Identifier: GPL-2.0-or-later
"""Regular expressions of bytes from the forms of instructions: a run of ordinary ones, then an audited one.

Where neither goes on, the bytes are for the decoder: rare combinations of prefixes are left out to keep the
expression small. So it need not know every encoding, but what it knows must be right.
"""

import re
from dataclasses import dataclass
from functools import cache
from typing import Final

from patcher.catalogue.row import NO_PREFIX
from patcher.sweep.forms import (
    ALWAYS,
    EXTRQ,
    UNCLAIMED,
    Claims,
    Size,
    Wanted,
    Which,
    has_sized_immediate,
    is_offset,
    is_undefined,
)
from patcher.sweep.operands import either, every_map, of_other_makers, one_of, openings, vex

_SEGMENTS: Final = bytes.fromhex("26 2e 36 3e 64 65")
_LOCK: Final = b"\xf0"
_REPEATS: Final = b"\xf2\xf3"
_OPERAND: Final = b"\x66"
_ADDRESS: Final = b"\x67"
_REX: Final = range(0x40, 0x50)
_SHORT_REX: Final = range(0x40, 0x48)
_LONG_REX: Final = range(0x48, 0x50)
_MOV_IMMEDIATE: Final = range(0xB8, 0xC0)
"""mov of a register and an immediate, which has 8 bytes with REX.W and is the only one of that kind."""
_FILL: Final = b"\xcc\xcc++"
_NEVER: Final = b"(?!)"
"""The last alternative where a repeat ends. Before Python 3.11.5 a possessive repeat went on where its last
attempt had failed, not where that had begun; an attempt that fails at once makes the two one place.
"""


@dataclass(frozen=True, slots=True)
class Grammar:
    """The instructions of one code size as expressions."""

    bits: int

    @property
    def size(self) -> Size:
        """Without prefixes."""
        return Size(min(self.bits, 32), self.bits)

    @property
    def narrow(self) -> Size:
        """Behind 66, without REX.W."""
        return Size(48 - self.size.operand, self.bits)

    def rex(self, values: range = _REX) -> bytes:
        """A REX prefix, or none."""
        return one_of(values) + b"?+" if self.bits == 64 else b""

    def prefixes(self, *more: bytes) -> bytes:
        """One prefix: of a segment, repeat, and of these."""
        return one_of(_SEGMENTS + _REPEATS + b"".join(more))

    def any_prefix(self) -> bytes:
        """One prefix of any kind."""
        return self.prefixes(_LOCK, _OPERAND, _ADDRESS, bytes(_REX) if self.bits == 64 else b"")

    @property
    def harmless(self) -> bytes:
        """66, and 67 where it changes no operand's length."""
        return _OPERAND + (_ADDRESS if self.bits == 64 else b"")

    def is_free(self, opmap: int, opcode: int) -> bool:
        """Do no prefixes change the length (67 in 64-bit code alone)?"""
        if (opmap, opcode) == EXTRQ or (self.bits == 64 and is_offset(opmap, opcode)):
            return False
        return not has_sized_immediate(opmap, opcode)

    def plain(self) -> list[bytes]:
        """Ordinary instructions without prefixes, but for REX in front of all of them."""
        return every_map(self.bits, self.size, _is_ordinary_alone, self._is_plain)

    def _is_plain(self, opmap: int, opcode: int) -> bool:
        return not (self.bits == 64 and opmap == 0 and opcode in _MOV_IMMEDIATE)

    def prefixed(self) -> list[bytes]:
        """Ordinary instructions behind prefixes, 15 bytes at most.

        Prefixes that change nothing are passed over like instructions of their own, where what follows is
        ordinary with every prefix: then nobody asks whether they belong to it.
        """
        quiet, every = self.prefixes(_LOCK), self.prefixes(_LOCK, self.harmless)
        free, sized = (
            self.openings(UNCLAIMED.__eq__, which) for which in (self.is_free, has_sized_immediate)
        )
        behind_66 = every_map(self.bits, self.narrow, _is_ordinary_behind_66, has_sized_immediate)
        short, rex = self.rex(_SHORT_REX), self.rex()
        return [
            every + every + b"{0,2}+(?=" + rex + free + b")",
            _OPERAND + quiet + b"{0,2}+" + short + either(behind_66),
            quiet + quiet + b"?+(?=" + either((_OPERAND + short + sized, rex + sized)) + b")",
        ]

    def openings(self, wanted: Wanted, which: Which) -> bytes:
        """The bytes that tell the wanted instructions from others."""
        return openings(self.bits, wanted, which)

    def with_other_addresses(self) -> list[bytes]:
        """Ordinary instructions behind 67: 16-bit addresses in 32-bit code and the other way round."""
        if self.bits == 64:
            return []
        wide, narrow = (
            either(every_map(self.bits, Size(operand, 48 - self.bits), UNCLAIMED.__eq__, _is_not_extrq))
            for operand in (self.size.operand, self.narrow.operand)
        )
        return [_ADDRESS + either((_OPERAND + narrow, wide))]

    def undefined(self) -> list[bytes]:
        """Bytes that are no instruction, one at a time."""
        alone, escaped = (
            [opcode for opcode in range(256) if is_undefined(self.bits, opmap, opcode)] for opmap in (0, 1)
        )
        prefix = self.any_prefix()
        endless = prefix + b"(?=" + prefix + b"{14})"
        return [b"\x0f(?=" + one_of(escaped) + b")", endless, *([one_of(alone)] if alone else [])]

    def ordinary(self) -> bytes:
        """One ordinary instruction, one byte of none, or fill."""
        found = [*self.plain(), *self.prefixed(), vex(self.bits), *of_other_makers(self.bits)]
        found += [*self.undefined(), *self.with_other_addresses(), _FILL]
        if self.bits != 64:
            return either((*found, _NEVER))
        mov = one_of(_MOV_IMMEDIATE)
        long, short = one_of(_LONG_REX) + mov + b".{8}", self.rex(_SHORT_REX) + mov + b"...."
        return either((self.rex() + either(found), short, long, _NEVER))

    def sensitive(self) -> bytes:
        """One instruction that an audited row claims with every prefix."""
        free, sized = (
            every_map(self.bits, self.size, ALWAYS.__eq__, which)
            for which in (self.is_free, has_sized_immediate)
        )
        alternatives = [self.prefixes(self.harmless) + b"{0,3}+" + self.rex() + either(free)]
        if sized:
            alternatives.append(self.prefixes() + b"{0,3}+" + either(sized))
        return either(alternatives)

    def doubtful(self) -> bytes:
        """The beginning of what may be audited, although ``sensitive`` does not say so."""
        return self.any_prefix() + b"{1,14}+" + self.openings(UNCLAIMED.__ne__, _is_any)


def _is_any(opmap: int, opcode: int) -> bool:
    return True


def _is_not_extrq(opmap: int, opcode: int) -> bool:
    return (opmap, opcode) != EXTRQ


def _is_ordinary_alone(claims: Claims) -> bool:
    return NO_PREFIX not in claims


def _is_ordinary_behind_66(claims: Claims) -> bool:
    return 0x66 not in claims


@cache
def pattern(bits: int) -> re.Pattern[bytes]:
    """Matches a run of ordinary instructions, and as group 1 an audited instruction behind it.

    Group 1 is missing where the decoder must be asked, and at the end.
    """
    grammar = Grammar(bits)
    return re.compile(b"%b*+(?:(%b)|)" % (grammar.ordinary(), grammar.sensitive()), re.DOTALL)


@cache
def everywhere(bits: int) -> re.Pattern[bytes]:
    """Matches nothing in front of an audited instruction, which is group 1 when no decoder need be asked.

    Or it matches fill.
    """
    grammar = Grammar(bits)
    text = b"%b|(?=(%b))|(?=%b)" % (_FILL, grammar.sensitive(), grammar.doubtful())
    return re.compile(text, re.DOTALL)
