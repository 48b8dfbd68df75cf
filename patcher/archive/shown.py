# SPDX-License-Identifier: GPL-2.0-or-later
"""Names of files as reports show them, and back: no byte of a name moves a cursor or turns the direction of writing."""

import os
import re
from pathlib import Path
from typing import Final

_ESCAPED: Final = re.compile(
    r"\\(?:([nrt])|x([0-9a-f]{2})|u((?!d[89a-f])[0-9a-f]{4})|U(00(?:0[0-9a-f]|10)[0-9a-f]{4}))"
)


def shown_path(path: Path) -> str:
    """A path on disk as a report shows it. A "!" in it is "\\x21", since it parts archives from members, and a
    backslash "\\x5c", so that no two paths are shown alike.
    """
    name = os.fsencode(path).decode("utf-8", "surrogateescape")
    return show(name.replace("\\", r"\x5c")).replace("!", r"\x21")


def path_shown(shown: str) -> bytes:
    """The path on disk that `shown_path` shows so."""
    return _ESCAPED.sub(_unescaped, show(shown)).encode("utf-8", "surrogateescape")


def _unescaped(match: re.Match[str]) -> str:
    if match[1]:
        return {"n": "\n", "r": "\r", "t": "\t"}[match[1]]
    code = int(match[2] or match[3] or match[4], 16)
    return chr(code + 0xDC00) if match[2] and code >= 0x80 else chr(code)


def show(name: str) -> str:
    """A name without what would disturb a terminal or a report; bytes that are no UTF-8 are \\xFF."""
    return name if name.isprintable() else "".join(c if c.isprintable() else _escape(c) for c in name)


def _escape(character: str) -> str:
    if 0xDC80 <= ord(character) <= 0xDCFF:
        return f"\\x{ord(character) - 0xDC00:02x}"
    if 0x80 <= ord(character) < 0x100:  # not \\x85: that is a byte
        return f"\\u{ord(character):04x}"
    return character.encode("unicode_escape").decode("ascii")
