# SPDX-License-Identifier: GPL-2.0-or-later
"""Stubs: code that does a sensitive instruction's work in the guest's own world, entered by a jump over the site.

A site of one byte has no room for a jump, so the jump covers neighbours too; they run at the end of the stub,
unchanged, which only instructions can that do not depend on where they stand. A stub touches no memory that the
instruction itself would not touch, and leaves every register and flag as the instruction would.

Both stubs count on the real IOPL being 1 and the virtual one 0 (the view KERNEL): pushf must not show the 1, and popf
must trap when the popped image asks for IOPL, NT or TF.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from patcher.catalogue import classify
from patcher.tactic import Closing, closer
from patcher.x86.decode import Flow, flow
from patcher.x86.insn import Insn

JUMP = 5  # bytes of a jmp rel32
MASK = 0xFFFF_FFFF

# xchg and lea leave the flags alone; popf checks IOPL (0x3000), NT (0x4000) and TF (0x100) before it pops, and its int3
# is the trap for the rare case.
_TEMPLATES = {
    "pushf": "pushfl\nxchgl %eax,(%esp)\nleal -0x1000(%eax),%eax\nxchgl %eax,(%esp)",
    "popf": "testl $0x7100,(%esp)\njz common\nint3\ncommon:\npopfl",
}
INT3 = 0xCC


@dataclass(frozen=True, slots=True)
class Stub:
    """`code` as it lies at its linear address; execution enters at its start.

    `origins` maps offsets at which the engine may stop to what they mean: an offset from the site's start (state there
    is exactly the guest's), or None where the guest's instruction is half done. `slow` maps the offsets of traps to
    the instruction that shall be performed, and its offset from the site's start.
    """

    code: bytes
    origins: dict[int, int | None]
    slow: dict[int, tuple[int, Insn]]


@cache
def _template(effect: str) -> bytes:
    from patcher.assembler import assemble  # loads Keystone, once, at the first promotion

    return assemble(_TEMPLATES[effect], 0, 32)


def effect_in_stub(insn: Insn) -> str | None:
    """The effect that a stub performs for this instruction; None when there is no stub for it."""
    row = classify(insn)
    if row is None or row.effect not in _TEMPLATES or insn.bits != 32 or len(insn.raw) != 1:
        return None
    return row.effect


def covered(site: Insn, following: Callable[[int], Insn | None]) -> list[Insn] | str:
    """The site and the neighbours that a jump over it covers, or why there can be no such jump.

    `following` decodes the instruction at an offset from the site, None where that is not known.
    """
    found, size = [site], len(site.raw)
    while size < JUMP:
        insn = following(size)
        if insn is None:
            return "the instructions after it are not known"
        reason = _fixed(insn)
        if reason:
            return reason
        found.append(insn)
        size += len(insn.raw)
        if flow(insn) not in (Flow.NEXT, Flow.COND):
            break  # what follows is padding, or is reached otherwise: then the check of its block takes the stub back
    return found


_CLOSES = closer(Closing.KERNEL)


def _fixed(insn: Insn) -> str:
    """Why an instruction cannot run elsewhere; empty when it can."""
    row = classify(insn)
    if row is not None and effect_in_stub(insn) is None and (_CLOSES(row) is not None or row.effect == "sti"):
        return f"a jump would cover the {row.name} that follows"
    if flow(insn) is Flow.NEXT or _is_return(insn) or _condition(insn) is not None:
        return ""
    return "a branch follows that cannot be moved"


def _is_return(insn: Insn) -> bool:
    return insn.opmap == 0 and insn.opcode in (0xC2, 0xC3)


def _condition(insn: Insn) -> int | None:
    """The condition number of a Jcc, 16 for a relative jmp, None for anything else."""
    if insn.operand_size != 32 or insn.prefixes:
        return None
    if insn.opmap == 0 and insn.opcode in (0xEB, 0xE9):
        return 16
    if (insn.opmap, insn.opcode & 0xF0) in ((0, 0x70), (1, 0x80)):
        return insn.opcode & 0xF
    return None


def build(insns: Sequence[Insn], at: int, site: int) -> Stub:
    """The stub for `insns`, which stand at linear `site`, to lie at linear `at`."""
    code, origins, slow, distance = bytearray(), dict[int, int | None](), dict[int, tuple[int, Insn]](), 0
    for insn in insns:
        start = len(code)
        effect = effect_in_stub(insn)
        code += _moved(insn, at + start, site + distance) if effect is None else _template(effect)
        origins |= dict.fromkeys(range(start + 1, len(code)))
        origins[start] = distance
        if effect is not None and INT3 in _template(effect):
            slow[start + _template(effect).index(INT3)] = distance, insn
        distance += len(insn.raw)
    if flow(insns[-1]) in (Flow.NEXT, Flow.COND):
        origins[len(code)] = distance
        code += jump(at + len(code), site + distance)
    return Stub(bytes(code), origins, slow)


def _moved(insn: Insn, at: int, original: int) -> bytes:
    """An instruction for another place: as it is, or a relative branch with its displacement made anew."""
    condition = _condition(insn)
    if condition is None:
        return insn.raw
    target = original + len(insn.raw) + insn.imm
    if condition == 16:
        return jump(at, target)
    return bytes((0x0F, 0x80 | condition)) + (target - at - 6 & MASK).to_bytes(4, "little")


def jump(at: int, target: int) -> bytes:
    """jmp rel32 from linear `at` to linear `target`."""
    return b"\xe9" + (target - at - JUMP & MASK).to_bytes(4, "little")
