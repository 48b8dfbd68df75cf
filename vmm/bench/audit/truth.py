# SPDX-License-Identifier: GPL-2.0-or-later
"""What each byte of an assembled section is, as the assembler said when it laid it down.

A mnemonic is code, a data directive is data, an alignment is padding. A note in the comment says what the
statement does not: `@code TEXT` (these data bytes are that instruction), `@spans N TEXT` (an instruction of N bytes
starts here, into the statements that follow), `@data` (this instruction is never run).
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from vmm.bench.audit.listing import ListedLine, ListingError
from vmm.bench.audit.sensitive import is_sensitive, split
from vmm.bench.audit.statements import without_comment

_LABEL: Final = re.compile(r"\s*(?:[\w.$@]+|\"[^\"]*\")\s*:")
_ASSIGNMENT: Final = re.compile(r"\s*[\w.$@]+\s*=")
_ALIGNMENTS: Final = frozenset(
    (".align", ".balign", ".p2align", ".balignw", ".balignl", ".p2alignw", ".p2alignl")
)
_MODES: Final = {".code16": 16, ".code16gcc": 16, ".code32": 32, ".code64": 64}
_REFUSED: Final = frozenset((".subsection", ".intel_syntax", ".incbin", ".include", ".altmacro"))
_MACROS_END: Final = frozenset((".endr", ".endm"))


class What(Enum):
    """What bytes are."""

    CODE = "code"
    DATA = "data"
    PADDING = "padding"


@dataclass(frozen=True, slots=True)
class Start:
    """An instruction that begins with a statement; `text` is what the source calls it."""

    length: int
    text: str

    @property
    def sensitive(self) -> bool:
        return is_sensitive(self.text)


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement that laid down bytes at `offset` of its section. `starts` is empty unless it is code."""

    section: str
    offset: int
    raw: bytes
    what: What
    mode: int
    start: Start | None = None

    @property
    def end(self) -> int:
        return self.offset + len(self.raw)


class _Place:
    """Where in the source the assembler is: section, and code size."""

    def __init__(self, mode: int) -> None:
        self.mode = mode
        self.section = ".text"
        self._before = ".text"
        self._stack: list[tuple[str, str]] = []

    def follow(self, directive: str, rest: str) -> None:
        """Take a directive into account; one that this does not know raises nothing and changes nothing."""
        if directive in _REFUSED or (directive in (".text", ".data") and rest):
            raise ListingError(f"{directive} {rest} is not understood in sources of the corpora.")
        if directive in _MODES:
            self.mode = _MODES[directive]
        elif directive in (".text", ".data", ".bss"):
            self._go(directive)
        elif directive == ".section":
            self._go(_section_name(rest))
        elif directive == ".pushsection":
            self._stack.append((self.section, self._before))
            self._go(_section_name(rest))
        elif directive == ".popsection":
            self.section, self._before = self._stack.pop()
        elif directive == ".previous":
            self._go(self._before)

    def _go(self, section: str) -> None:
        self.section, self._before = section, self.section


def _section_name(operands: str) -> str:
    return operands.partition(",")[0].strip().strip('"')


def statements(lines: Iterable[ListedLine], mode: int) -> list[Statement]:
    """Every statement that laid down bytes, in the order of the source; `mode` is the assembler's at its start."""
    place = _Place(mode)
    found = []
    for line in _really_assembled(lines):
        statement = _statement(line, place)
        if statement is not None:
            found.append(statement)
    return list(_joined(found))


def _really_assembled(lines: Iterable[ListedLine]) -> Iterator[ListedLine]:
    """Without bodies of macros, and without the line that a macro's own lines come from."""
    listed = list(lines)
    for index, line in enumerate(listed):
        following = listed[index + 1] if index + 1 < len(listed) else None
        is_call = following is not None and following.number == line.number and following.depth > line.depth
        if not is_call:
            yield line


def _statement(line: ListedLine, place: _Place) -> Statement | None:
    text, comment = without_comment(line.text)
    while label := _LABEL.match(text):
        text = text[label.end() :]
    directive, _, rest = text.strip().partition(" ") if " " in text.strip() else text.strip().partition("\t")
    if directive.startswith("."):
        place.follow(directive, rest.strip())
    if line.offset is None:
        return None
    if not text.strip() or directive in _MACROS_END or _ASSIGNMENT.match(text):
        raise ListingError(f"Line {line.number} of the listing has bytes and no statement: {line.text!r}.")
    what, start = _judge(" ".join(text.split()), comment, len(line.raw))
    return Statement(place.section, line.offset, bytes(line.raw), what, place.mode, start)


def _judge(text: str, comment: str, length: int) -> tuple[What, Start | None]:
    note, _, said = comment.partition(" ") if comment.startswith("@") else ("", "", "")
    if note == "@data":
        return What.DATA, None
    if note == "@code":
        return What.CODE, Start(length, said)
    if note == "@spans":
        count, _, said = said.partition(" ")
        return What.CODE, Start(int(count), said)
    if note:
        raise ListingError(f"{note} is no note on a statement: {text!r}.")
    if text.split()[0] in _ALIGNMENTS:
        return What.PADDING, None
    return (What.DATA, None) if text.startswith(".") else (What.CODE, Start(length, text))


def _joined(found: Iterable[Statement]) -> Iterator[Statement]:
    """Prefixes that are statements of their own (`rep; stosb`) begin the instruction behind them."""
    waiting: dict[str, Statement] = {}
    for statement in found:
        prefix = waiting.pop(statement.section, None)
        if prefix is not None:
            statement = _prefixed(prefix, statement)
        if statement.start is not None and split(statement.start.text)[1] == "":
            waiting[statement.section] = statement
        else:
            yield statement
    if waiting:
        raise ListingError(f"Nothing follows the prefixes at the end of section {next(iter(waiting))}.")


def _prefixed(prefix: Statement, rest: Statement) -> Statement:
    if rest.start is None or prefix.start is None or rest.offset != prefix.end:
        raise ListingError(f"Prefixes at {prefix.section}+{prefix.offset:#x} stand before no instruction.")
    start = Start(len(prefix.raw) + rest.start.length, f"{prefix.start.text} {rest.start.text}")
    return replace(rest, offset=prefix.offset, raw=prefix.raw + rest.raw, start=start)


def sections(found: Iterable[Statement]) -> dict[str, list[Statement]]:
    """Statements by section, sorted by offset; raises `ListingError` unless they lie side by side from 0 on."""
    by_name: dict[str, list[Statement]] = {}
    for statement in found:
        by_name.setdefault(statement.section, []).append(statement)
    for name, inside in by_name.items():
        inside.sort(key=lambda statement: statement.offset)
        expected = 0
        for statement in inside:
            if statement.offset != expected:
                raise ListingError(
                    f"In {name} a statement lies at {statement.offset:#x} where {expected:#x} was expected."
                )
            expected = statement.end
    return by_name


def statement_at(inside: list[Statement], offset: int) -> Statement:
    """The statement of a section that holds an offset."""
    return inside[bisect_right(inside, offset, key=lambda statement: statement.offset) - 1]
