# SPDX-License-Identifier: GPL-2.0-or-later
"""Callees that do something to their return address: take it (call; pop), move it, or overwrite it."""

import re
from typing import Final

from patcher.follow.evaluate import step
from patcher.follow.lane import Lane
from patcher.follow.state import State
from patcher.follow.values import Value
from patcher.x86.decode import Flow, Truncated, decode, flow

_STUFFING: Final = b"\xe8\x01\0\0\0\xcc"
"""A call over one breakpoint: it fills the processor's return stack, and speculation ends at the breakpoint (Linux,
arch/x86/include/asm/nospec-branch.h, __FILL_RETURN_SLOT). Its return address is dropped some calls later."""

_LOOKS: Final = re.compile(
    rb"(?:\xe8\x01\0\0\0\xcc)*+[\x50-\x57\x41\x66\x9c\x60]{0,9}[\x48\x41\x66]?"
    rb"(?:[\x58-\x5f]|\x8f[\xc0-\xc7\x00-\x07]|[\x81\x83][\x04\x44\xc4]\x24|[\xc7\x89\x87\x01\xff\x29\x31][\x04-\x3c\x44-\x7c]\x24"
    rb"|\x8d\x64\x24|[\x81\x83]\xc4|\x8b[\x04-\x3c\x44-\x7c]\x24)"
)
"""Code that begins with what reaches its return address; nearly no function of a compiler does."""

_MARK: Final = 0x5A17C0DE
_STEPS: Final = 12


def return_shift(lane: Lane, offset: int) -> int | None:
    """By how much a callee moves its return address, None when it takes or overwrites it."""
    if not _LOOKS.match(lane.code, offset):
        return 0
    state = State(lane.bits, lambda address, size, signed: None)
    state.push(Value(_MARK))
    left = _STEPS
    while left and not lane.is_border(offset):
        if lane.bits != 16 and lane.code.startswith(_STUFFING, offset):
            state.push(Value(lane.base + offset + 5))
            offset += len(_STUFFING)
            continue
        left -= 1
        try:
            insn = decode(lane.code, offset, lane.bits)
        except Truncated:
            return _result(state)
        if insn is None or flow(insn) in (Flow.JUMP, Flow.COND, Flow.CALL):
            return _result(state)
        if flow(insn) is Flow.STOP:
            returned = insn.opmap == 0 and insn.opcode in (0xC2, 0xC3) and len(state.stack) == 1
            return _result(state) if returned else None if not state.stack else 0
        step(state, lane.base + offset, insn, False)
        offset += insn.length
    return _result(state)


def _result(state: State) -> int | None:
    if not state.stack:
        return None
    known = state.stack[0].known
    return None if known is None or abs(known - _MARK) > 4096 else known - _MARK
