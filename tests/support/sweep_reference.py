# SPDX-License-Identifier: GPL-2.0-or-later
"""What the sweeps should find, by the decoder and the catalogue, one instruction after the other."""

from patcher.auditing.rows import audited
from patcher.catalogue import classify
from patcher.x86.decode import Truncated, decode

Found = list[tuple[int, int]]


def step(code: bytes, offset: int, bits: int) -> tuple[int, bool]:
    """Length of what is at an offset (0: cut off), and whether it is audited."""
    if code[offset : offset + 2] == b"\xcc\xcc":
        return len(code[offset:]) - len(code[offset:].lstrip(b"\xcc")), False
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
