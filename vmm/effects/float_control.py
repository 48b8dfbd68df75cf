# SPDX-License-Identifier: GPL-2.0-or-later
"""Control and status of x87 and SSE: which exceptions are masked, and which were raised (SDM vol. 1, 8.1 and 10.2.3).

The engine runs these, but keeps the flags of its calculations to itself and does not tell when an exception is
unmasked.
"""

from patcher.x86.exceptions import GP, MF, NM, UD, GuestFault
from patcher.x86.insn import Insn
from vmm.cpu_model import Feature
from vmm.effects.operand import linear
from vmm.effects.registry import effect
from vmm.engine.float_area import CONTROL_BITS, CONTROL_ONES, EXCEPTIONS
from vmm.processor import Processor

CR0_EM, CR0_TS, CR0_NE = 0x4, 0x8, 0x20
CR4_OSFXSR = 0x200
EAX = 0
STATUS_CLEARED = 0x7F00  # what fnclex leaves
MXCSR_BITS = 0xFFFF


def check_x87(v: Processor) -> None:
    """#NM while CR0.EM or CR0.TS is set."""
    if v.cr0 & (CR0_EM | CR0_TS):
        raise GuestFault(NM)


def waits(v: Processor) -> bool:
    """Before a waiting instruction: #NM, #MF; True when the processor stops here until an interrupt comes.

    With CR0.NE clear the error goes out as FERR, and IGNNE lets the instruction run (SDM vol. 1, 8.7.2 and D.2.1).
    """
    check_x87(v)
    if not v.floats.pending:
        return False
    if v.cr0 & CR0_NE:
        raise GuestFault(MF)
    v.halted = not v.coprocessor.error()
    return v.halted


def load_control(v: Processor, word: int) -> None:
    """The control word; what it unmasks may be waiting already."""
    floats = v.floats
    unmasked = floats.unmasked | ~word & EXCEPTIONS
    if unmasked:
        _ = floats.status  # what was raised is known before the masks change
    floats.control = word & CONTROL_BITS | CONTROL_ONES
    if unmasked:
        floats.settle()
        v.floats_changed()


@effect("fldcw")
def fldcw(v: Processor, insn: Insn) -> None:
    """Load the control word (SDM vol. 2A, FLDCW)."""
    if (v.cr0 & (CR0_EM | CR0_TS) or v.floats.unmasked) and waits(v):
        return
    load_control(v, v.mem.read(linear(v, insn, 2), 2))
    v.advance(insn)


@effect("fnstsw", "fnstsw ax")
def fnstsw(v: Processor, insn: Insn) -> None:
    """Store the status word (SDM vol. 2A, FSTSW/FNSTSW)."""
    check_x87(v)
    if insn.is_memory:
        v.mem.write(linear(v, insn, 2, write=True), 2, v.floats.status)
    else:
        v.regs[EAX] = v.regs[EAX] & 0xFFFF_0000 | v.floats.status
    v.advance(insn)


@effect("fnclex")
def fnclex(v: Processor, insn: Insn) -> None:
    """Forget all exceptions (SDM vol. 2A, FCLEX/FNCLEX)."""
    check_x87(v)
    v.floats.status = v.floats.status & STATUS_CLEARED
    v.floats_changed()
    v.advance(insn)


@effect("fninit")
def fninit(v: Processor, insn: Insn) -> None:
    """Empty registers, everything masked (SDM vol. 2A, FINIT/FNINIT)."""
    check_x87(v)
    v.floats.initialise()
    v.floats_changed()
    v.advance(insn)


# --- SSE


def _check_sse(v: Processor) -> None:
    if not v.model.has(Feature.SSE) or v.cr0 & CR0_EM or not v.cr4 & CR4_OSFXSR:
        raise GuestFault(UD)
    if v.cr0 & CR0_TS:
        raise GuestFault(NM)


@effect("ldmxcsr")
def ldmxcsr(v: Processor, insn: Insn) -> None:
    """Load MXCSR; reserved bits are #GP(0) (SDM vol. 2A, LDMXCSR)."""
    _check_sse(v)
    value = v.mem.read(linear(v, insn, 4), 4)
    if value & ~MXCSR_BITS:
        raise GuestFault(GP, 0)
    unmasked = v.floats.unmasked
    v.floats.mxcsr = value
    if unmasked | v.floats.unmasked:
        v.floats_changed()
    v.advance(insn)


@effect("stmxcsr")
def stmxcsr(v: Processor, insn: Insn) -> None:
    """Store MXCSR (SDM vol. 2B, STMXCSR)."""
    _check_sse(v)
    v.mem.write(linear(v, insn, 4, write=True), 4, v.floats.mxcsr)
    v.advance(insn)
