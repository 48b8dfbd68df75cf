# SPDX-License-Identifier: GPL-2.0-or-later
"""The address that 32-bit position-independent code adds offsets to: `_GLOBAL_OFFSET_TABLE_`.

Its functions begin by adding a constant to their own address (i386 psABI, 3.5.3): `call` a thunk that loads the return
address, or the next instruction, and `pop`; then `add $constant, %reg`.
"""

import re
from collections import Counter
from typing import Final

from patcher.binary.model import Binary, Section

_BY_THUNK: Final = re.compile(rb"\xe8(....)(?:\x81[\xc0-\xc3\xc5-\xc7]|\x05)(....)", re.DOTALL)
_BY_POP: Final = re.compile(rb"\xe8\0\0\0\0[\x58-\x5f](?:\x81[\xc0-\xc3\xc5-\xc7]|\x05)(....)", re.DOTALL)
_THUNK: Final = re.compile(rb"\x8b[\x04\x0c\x14\x1c\x2c\x34\x3c]\x24\xc3")
_ENOUGH: Final = 32


def global_offset_table(binary: Binary) -> int | None:
    """The address that most functions compute; None when none does, as outside of 32-bit PIC."""
    votes: Counter[int] = Counter()
    for section in binary.sections:
        if section.executable and section.mode == 32:
            _vote(section, votes)
    return votes.most_common(1)[0][0] if votes else None


def _vote(section: Section, votes: Counter[int]) -> None:
    code = bytes(section.data)
    for match in _BY_THUNK.finditer(code):
        callee = match.start() + 5 + int.from_bytes(match[1], "little", signed=True)
        if 0 <= callee < len(code) and _THUNK.match(code, callee):
            base = section.address + match.start() + 5
            votes[base + int.from_bytes(match[2], "little") & 0xFFFFFFFF] += 1
            if votes.total() >= _ENOUGH:
                return
    for match in _BY_POP.finditer(code):
        votes[section.address + match.start() + 5 + int.from_bytes(match[1], "little") & 0xFFFFFFFF] += 1
