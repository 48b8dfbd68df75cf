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
_UNFINISHED: Final = rb"(?:\x0f[\xa3\xab\xb3\xbb\xba]?)?\Z"
_REX: Final = rb"\x40-\x4f"
_LEGACY: Final = re.compile(rb"\xf0(?=[" + _PREFIXES + rb"]*" + _BIT_TEST + rb")", re.DOTALL)
_LONG: Final = re.compile(rb"\xf0(?=[" + _REX + _PREFIXES + rb"]*" + _BIT_TEST + rb")", re.DOTALL)
_LEGACY_HEAD: Final = re.compile(rb"\xf0[" + _PREFIXES + rb"]*" + _UNFINISHED, re.DOTALL)
_LONG_HEAD: Final = re.compile(rb"\xf0[" + _REX + _PREFIXES + rb"]*" + _UNFINISHED, re.DOTALL)


def lethal_sites(code: bytes | bytearray | memoryview, bits: int) -> list[int]:
    """Offsets of the lock bytes (F0) of all such sequences; with another byte there the sequence is harmless.

    ``code`` should go on for 14 bytes past the page in question, for a sequence that crosses its end.
    """
    return [match.start() for match in (_LONG if bits == 64 else _LEGACY).finditer(code)]


def lethal_head(code: bytes | bytearray | memoryview, bits: int) -> int | None:
    """Offset of the lock byte of a sequence that bytes after the end of ``code`` could complete, if there is one."""
    if bytes(code[-1:]) not in _LAST:
        return None
    match = (_LONG_HEAD if bits == 64 else _LEGACY_HEAD).search(code)
    return None if match is None else match.start()


_LAST: Final = frozenset(
    bytes((byte,))
    for byte in (*range(0x40, 0x50), *range(0x64, 0x68), *b"\x26\x2e\x36\x3e\xf0\xf2\xf3\x0f\xa3\xab\xb3\xbb\xba")
)
"""What such a beginning can end with; most pages end with something else."""
