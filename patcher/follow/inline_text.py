# SPDX-License-Identifier: GPL-2.0-or-later
"""Text behind a call: a callee that takes its return address may read text there, and return behind it.

    call print
    .asciz "text"
    ...                     the program goes on here

Boot code and small monitors save a load with it. The text ends as strings do: at a zero, at DOS's dollar sign (int 21h,
function 09h), or after as many characters as the byte in front says.
"""

import re
from typing import Final

_SHORTEST: Final = 3
_ENDED: Final = re.compile(rb"[\t\n\r\x1b -~]{3,}?[\0$]")
_NOT_PRINTABLE: Final = re.compile(rb"[^\t\n\r\x1b -~]")
_OTHERS: Final = 4
"""One character of so many, in a text of known length, may belong to another alphabet."""


def behind_text(code: bytes, offset: int) -> int | None:
    """The offset behind the text that begins at `offset`; None when there is no text."""
    match = _ENDED.match(code, offset)
    if match is not None:
        return match.end()
    return _behind_counted(code, offset)


def _behind_counted(code: bytes, offset: int) -> int | None:
    """The same for a text with its length in front."""
    if offset >= len(code):
        return None
    count, start = code[offset], offset + 1
    end = start + count
    if count < _SHORTEST or end >= len(code):
        return None
    return end if len(_NOT_PRINTABLE.findall(code, start, end)) * _OTHERS <= count else None
