# SPDX-License-Identifier: GPL-2.0-or-later
"""Assembly text cut so that each line holds one statement, which is what a listing can then tell apart.

Comments stay with the last statement of their line; those that begin with `@` are notes on a statement
(`truth`). Line markers and `.file` go: they would turn the listing's lines into another file's.
"""

import re
from collections.abc import Iterator
from typing import Final

_PIECE: Final = re.compile(r'"(?:[^"\\]|\\.)*"|/\*.*?\*/|#.*|;|[^";#/]+|/', re.S)
_DROPPED: Final = re.compile(r'\s*(?:#\s*\d+\s+"|\.file\b|\.loc\b|\.ident\b)')
_BLOCK_COMMENT: Final = re.compile(r'("(?:[^"\\\n]|\\.)*")|/\*.*?\*/', re.S)


def one_a_line(source: str) -> str:
    """The same program, a statement a line."""
    without = _BLOCK_COMMENT.sub(_keep_string, source)
    return "".join(f"{line}\n" for text in without.splitlines() for line in _lines(text))


def _keep_string(match: re.Match[str]) -> str:
    return match[1] or " "


def _lines(text: str) -> Iterator[str]:
    if _DROPPED.match(text):
        return
    current = ""
    for piece in _PIECE.findall(text):
        if piece == ";":
            yield current
            current = "\t"
        else:
            current += piece
    yield current


def without_comment(text: str) -> tuple[str, str]:
    """A statement and its comment, which begins behind the `#`."""
    statement = ""
    for piece in _PIECE.findall(text):
        if piece[0] == "#":
            return statement.strip(), piece[1:].strip()
        statement += piece
    return statement.strip(), ""
