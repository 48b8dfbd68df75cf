# SPDX-License-Identifier: GPL-2.0-or-later
"""Byte sequences that an engine must never translate, whether they will run or not.

Unicorn 2.1.4 aborts the whole process while it translates ``lock bt``, ``bts``, ``btr`` or ``btc`` with a
register operand (#UD on a processor). A check of finished translations comes too late for them, so they must
not be visible to fetches at any offset, seen as code or not.
"""

import re
from typing import Final

_PREFIXES: Final = rb"\x26\x2e\x36\x3e\x64-\x67\xf2\xf3"
_BIT_TEST: Final = rb"\x0f(?:[\xa3\xab\xb3\xbb][\xc0-\xff]|\xba[\xe0-\xff])"
_LEGACY: Final = re.compile(rb"\xf0(?=[" + _PREFIXES + rb"]*" + _BIT_TEST + rb")", re.DOTALL)
_LONG: Final = re.compile(rb"\xf0(?=[\x40-\x4f" + _PREFIXES + rb"]*" + _BIT_TEST + rb")", re.DOTALL)


def lethal_sites(code: bytes | bytearray | memoryview, bits: int) -> list[int]:
    """Offsets of the lock bytes (F0) of all such sequences; with another byte there the sequence is harmless.

    ``code`` should go on for 14 bytes past the page in question, for a sequence that crosses its end.
    """
    return [match.start() for match in (_LONG if bits == 64 else _LEGACY).finditer(code)]
