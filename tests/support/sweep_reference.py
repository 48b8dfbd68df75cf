# SPDX-License-Identifier: GPL-2.0-or-later
"""What the sweeps should find, by the decoder and the catalogue, one instruction after the other."""

from patcher.auditing.rows import audited
from patcher.catalogue import classify
from patcher.x86.decode import Truncated, decode

REX = [bytes((byte,)) for byte in range(0x40, 0x50)]
Found = list[tuple[int, int]]


def of_other_makers(code: bytes, bits: int) -> int:
    """The length of an instruction with an XOP prefix, which VEX prefixes tell, or of PadLock; else 0."""
    if bits == 16:
        return 0
    front = int(bits == 64 and code[:1] in REX)
    code = code[front:]
    repeat = code[:1] == b"\xf3"
    if code[repeat : repeat + 2] in (b"\x0f\xa6", b"\x0f\xa7") and code[repeat + 2 : repeat + 3] >= b"\xc0":
        return front + repeat + 3
    if code[:1] != b"\x8f" or len(code) < 2 or code[1] & 0x1F not in (8, 9, 10):
        return 0
    more = 4 if code[1] & 0x1F == 10 else 0
    try:
        insn = decode(bytes((0xC4, 0xE3 if code[1] & 0x1F == 8 else 0xE2)) + code[2:], 0, bits)
    except Truncated:
        return 0
    return front + insn.length + more if insn and insn.length + more <= len(code) else 0


def step(code: bytes, offset: int, bits: int) -> tuple[int, bool]:
    """Length of what is at an offset (0: cut off), and whether it is audited."""
    if code[offset : offset + 2] == b"\xcc\xcc":
        return len(code[offset:]) - len(code[offset:].lstrip(b"\xcc")), False
    if length := of_other_makers(code[offset : offset + 15], bits):
        return length, False
    try:
        insn = decode(code, offset, bits)
    except Truncated:
        return 0, False
    row = insn and classify(insn)
    return (insn.length if insn else 1), bool(row and audited(row))


def decoded(code: bytes, bits: int) -> Found:
    """What ``sweep`` should find."""
    found, offset = [], 0
    while offset < len(code):
        length, is_audited = step(code, offset, bits)
        if is_audited:
            found.append((offset, length))
        if not length:
            break
        offset += length
    return found


def decoded_anywhere(code: bytes, bits: int) -> Found:
    found, offset = [], 0
    while offset < len(code):
        length, is_audited = step(code, offset, bits)
        if is_audited:
            found.append((offset, length))
        offset += length if code[offset : offset + 2] == b"\xcc\xcc" else 1
    return found
