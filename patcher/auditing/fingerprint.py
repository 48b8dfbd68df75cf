# SPDX-License-Identifier: GPL-2.0-or-later
"""A name for a finding that is the same when its program is linked anew: nothing in it is an address.

Where a linker puts functions and data changes with every build; what a function is called, how far into it an
instruction lies, and what the instruction does, changes with the source.
"""

from hashlib import sha256
from typing import Final

from patcher.x86.decode import decode
from patcher.x86.insn import RIP, Insn

_FAR: Final = (0x9A, 0xEA)
_FIELD: Final = 0x10000
"""No structure is larger than that: a displacement beyond is the address of something, whatever is added to it."""


def fingerprint(function: str, offset: int, rule: str, raw: bytes, mode: int) -> str:
    """32 hexadecimal digits of a function, the distance in it, the rule, and the bytes without addresses."""
    where = f"{function}+{offset:#x}:{rule}:{without_addresses(raw, mode).hex()}"
    return sha256(where.encode("utf-8", "backslashreplace")).hexdigest()[:32]


def function_name(function: str, start: int) -> str:
    """The name of a function that starts at an address, without the address where the name was made from it."""
    return "func" if function == f"func_{start:x}" else function


def without_addresses(raw: bytes, mode: int) -> bytes:
    """The bytes of one instruction with zeros where a linker puts an address."""
    insn = decode(raw, 0, mode)
    if insn is None:
        return raw
    if insn.opmap == 0 and insn.opcode in _FAR:
        size = 2 if insn.operand_size == 16 else 4
        return raw[: -size - 2] + bytes(size) + raw[-2:]
    if not insn.is_memory or not _names_a_place(insn):
        return raw
    size = 2 if insn.address_size == 16 else 4
    at = raw.rfind((insn.disp & ((1 << 8 * size) - 1)).to_bytes(size, "little"))
    return raw[:at] + bytes(size) + raw[at + size :] if at > 0 else raw


def _names_a_place(insn: Insn) -> bool:
    return insn.base in (None, RIP) or abs(insn.disp) >= _FIELD
