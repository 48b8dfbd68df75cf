# SPDX-License-Identifier: GPL-2.0-or-later
"""What the bytes of a site say by themselves, worked out once however often they occur in a program."""

from collections.abc import Callable
from functools import cache

from patcher.auditing.relevance import Relevance, World, relevance
from patcher.auditing.rows import audited
from patcher.catalogue import SensitiveInsn, classify
from patcher.x86.decode import Truncated, decode
from patcher.x86.insn import Insn


class Encoding:
    """The instruction of some bytes, its row, its text, and what it does in each world."""

    __slots__ = ("_judged", "_text", "insn", "row")

    def __init__(self, insn: Insn, row: SensitiveInsn) -> None:
        self.insn, self.row = insn, row
        self._text = ""
        self._judged: dict[World, Relevance] = {}

    def text(self, address: int) -> str:
        """How people write it; only a relative branch is written otherwise at another address."""
        if self.insn.relative:
            return text_of(self.insn, address)
        if not self._text:
            self._text = text_of(self.insn, address)
        return self._text

    def judged(self, world: World) -> Relevance:
        """What deprivileging does to it."""
        found = self._judged.get(world)
        if found is None:
            found = self._judged[world] = relevance(self.row, self.insn, world)
        return found


class Encodings:
    """Every encoding of a program's sites."""

    def __init__(self) -> None:
        self._known: dict[tuple[bytes, int], Encoding | None] = {}

    def of(self, raw: bytes, mode: int) -> Encoding | None:
        """The encoding of one instruction's bytes; None when an audit does not report it."""
        key = raw, mode
        if key not in self._known:
            self._known[key] = _encoding(raw, mode)
        return self._known[key]


def _encoding(raw: bytes, mode: int) -> Encoding | None:
    try:
        insn = decode(raw, 0, mode)
    except Truncated:
        return None
    row = None if insn is None else classify(insn)
    return None if insn is None or row is None or not audited(row) else Encoding(insn, row)


@cache
def _decoder() -> Callable[..., list[tuple[int, bytes, str]]]:
    from patcher.decoder import instructions  # loads Capstone, at the first finding

    return instructions


def text_of(insn: Insn, address: int) -> str:
    """An instruction as people write it."""
    return _decoder()(insn.raw, address, insn.bits)[0][2]
