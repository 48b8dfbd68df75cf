# SPDX-License-Identifier: GPL-2.0-or-later
"""Does anything go wrong where a sensitive instruction runs deprivileged? A table by world and by effect.

The monitor that is meant owns the GDT, IDT, LDT, task register and MSRs, keeps the guest's descriptors for ring 3 in
its tables as the guest wrote them, runs the guest's ring 0 in ring 1 or 3 and its ring 3 in ring 3, with the real
interrupt flag set, and 16-bit real-mode code in virtual-8086 mode with IOPL 0 (SDM vol. 3B, chapter 21).
What the catalogue says holds in ring 0; the tables here are for the other worlds, and for the exceptions.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from patcher.auditing.model import Kind
from patcher.catalogue import Runs, SensitiveInsn
from patcher.x86.insn import CS, SS, Insn


class World(Enum):
    """Where the code expects to run."""

    KERNEL = "ring 0"
    USER = "ring 3 with IOPL below 3"
    USER_IO = "ring 3 with IOPL 3"
    REAL = "real mode"

    @property
    def ring(self) -> int:
        return 3 if self in (World.USER, World.USER_IO) else 0


@dataclass(frozen=True, slots=True)
class Relevance:
    """What deprivileging does to an instruction, whether that matters, and one sentence on it."""

    kind: Kind
    matters: bool
    why: str


_FAULTS: Final = "It faults in ring 3, with a monitor and without."
_TRAPS: Final = "It traps when deprivileged, and the monitor does its work; else: "
_GATE: Final = "It enters the monitor, which owns the IDT and hands it to the guest's own handler."
_CALL: Final = "It enters the monitor, whose address the MSRs hold, and which hands it to the guest's kernel."
_USER_FLAGS: Final = "With IOPL below 3 the interrupt flag is set in ring 3, and neither it nor IOPL changes."
_USER_SELECTOR: Final = "In ring 3 the selector is the guest's own and its RPL is 3, as without a monitor."
_USER_LOAD: Final = (
    "In ring 3 only descriptors for ring 3 can be loaded, and those are as the guest wrote them."
)
_USER_FAR: Final = (
    "It reaches ring 3 as the guest's descriptors say, or a gate, which the monitor keeps absent."
)
_USER_BASE: Final = "The base that user code sees and sets is its own."
_USER_PORT: Final = (
    "It faults: the monitor's I/O bitmap gives no port away, and the monitor asks the guest's bitmap."
)

_UNHARMED_USER: Final = {
    "pushf": _USER_FLAGS,
    "popf": _USER_FLAGS,
    "cli": _FAULTS,
    "sti": _FAULTS,
    "mov r/m,sreg": _USER_SELECTOR,
    "push sreg": _USER_SELECTOR,
    **dict.fromkeys(("mov sreg,r/m", "pop sreg", "les", "lds", "lss", "lfs", "lgs"), _USER_LOAD),
    **dict.fromkeys(("call far", "jmp far", "retf", "iret"), _USER_FAR),
    **dict.fromkeys(("int3", "int n", "into", "int1", "bound"), _GATE),
    **dict.fromkeys(("syscall", "sysenter"), _CALL),
    **dict.fromkeys(("rdfsbase", "rdgsbase", "wrfsbase", "wrgsbase"), _USER_BASE),
    **dict.fromkeys(("in", "out", "ins", "outs"), _USER_PORT),
    "arpl": "In ring 3 it compares selectors that are the guest's own.",
}

# Effects that depend on IOPL where IOPL is 3: what goes wrong (holes), or what the trap stands for.
_USER_IO: Final = {
    "pushf": "It shows the real IOPL, which a monitor cannot leave at 3, and the real interrupt flag.",
    "popf": "With IOPL 3 it changes the interrupt flag; deprivileged the change is dropped without a trap.",
    "iret": "With IOPL 3 it changes the interrupt flag; deprivileged the change is dropped without a trap.",
    "cli": _TRAPS + "#GP in a program that may mask interrupts.",
    "sti": _TRAPS + "#GP in a program that may open interrupts.",
    **dict.fromkeys(("in", "out", "ins", "outs"), _TRAPS + "#GP in a program that may reach every port."),
}

_V86_IOPL: Final = "In virtual-8086 mode with IOPL below 3 it traps by itself, and the monitor does its work."
_V86_TRAP: Final = "In virtual-8086 mode it traps by itself, and the monitor does its work."
_V86_SEGMENT: Final = "Virtual-8086 mode forms addresses and selectors as real mode does."
_V86_INVALID: Final = "It is invalid in real mode and in virtual-8086 mode alike."
_V86_GATE: Final = "It enters the monitor, which looks up the guest's own vector."

_REAL_TRAPS: Final = frozenset({"pushf", "popf", "cli", "sti", "int n", "iret"})
_UNHARMED_REAL: Final = {
    **dict.fromkeys(("mov r/m,sreg", "push sreg", "mov sreg,r/m", "pop sreg"), _V86_SEGMENT),
    **dict.fromkeys(("les", "lds", "lss", "lfs", "lgs", "call far", "jmp far", "retf"), _V86_SEGMENT),
    **dict.fromkeys(("sldt", "str", "lar", "lsl", "verr", "verw", "arpl", "lldt", "ltr"), _V86_INVALID),
    **dict.fromkeys(("sysenter", "sysexit"), _V86_INVALID),
    **dict.fromkeys(("int3", "into", "int1", "bound"), _V86_GATE),
}

_OWN_SELECTOR: Final = (
    "The selector is the one that the guest loaded; only CS and SS show the ring in which it runs."
)


def world_of(ring: int, iopl: int, mode: int, protected: bool) -> World:
    """The world of code `mode` bits wide. `protected`: 16-bit code that runs behind CR0.PE."""
    if mode == 16 and not protected:
        return World.REAL
    if ring == 3:
        return World.USER_IO if iopl == 3 else World.USER
    return World.KERNEL


def relevance(row: SensitiveInsn, insn: Insn, world: World) -> Relevance:
    """What deprivileging does to `insn`, which `row` claims, in a world."""
    kind = Kind.HOLE if row.is_hole else Kind.PRIVILEGED
    if world is World.KERNEL:
        return _in_kernel(row, insn, kind)
    if world is World.REAL:
        return _in_real_mode(row, kind)
    if world is World.USER_IO and row.effect in _USER_IO:
        return Relevance(kind, True, _USER_IO[row.effect])
    unharmed = _UNHARMED_USER.get(row.effect) or (_FAULTS if row.runs_at is Runs.CPL0 else "")
    return Relevance(kind, not unharmed, unharmed or row.breaks)


def _in_kernel(row: SensitiveInsn, insn: Insn, kind: Kind) -> Relevance:
    if _reads_own_selector(row, insn):
        return Relevance(kind, False, _OWN_SELECTOR)
    return Relevance(kind, True, row.breaks if kind is Kind.HOLE else _TRAPS + row.breaks)


def _in_real_mode(row: SensitiveInsn, kind: Kind) -> Relevance:
    if row.effect in _REAL_TRAPS:
        return Relevance(Kind.PRIVILEGED, True, _V86_IOPL)
    unharmed = _UNHARMED_REAL.get(row.effect)
    if unharmed:
        return Relevance(kind, False, unharmed)
    return Relevance(kind, True, row.breaks if kind is Kind.HOLE else _V86_TRAP)


def _reads_own_selector(row: SensitiveInsn, insn: Insn) -> bool:
    """A read of ES, DS, FS or GS."""
    if row.effect == "mov r/m,sreg":
        return insn.reg not in (CS, SS)
    return row.effect == "push sreg" and (insn.opmap == 1 or insn.opcode in (0x06, 0x1E))
