# SPDX-License-Identifier: GPL-2.0-or-later
"""Exceptions and interrupts through the guest's IDT (SDM vol. 3A, chapter 6; vol. 2A, INT n, pseudo-code).

`deliver` is one attempt, which may itself fault and then has changed nothing. `inject` goes on until an event
has been delivered: a fault during delivery is delivered in its turn, or becomes a double or a triple fault.
"""

from typing import Final

from patcher.x86.descriptors import (
    CODE,
    CONFORMING,
    INTERRUPT16,
    INTERRUPT32,
    NONSYSTEM,
    PRESENT,
    TASK_GATE,
    TRAP16,
    TRAP32,
)
from patcher.x86.exceptions import (
    AC,
    BR,
    CONTRIBUTORY,
    DB,
    DE,
    DF,
    GP,
    MF,
    NM,
    NP,
    PF,
    SS,
    TS,
    UD,
    XM,
    GuestFault,
)
from patcher.x86.flags import IF, NT, RF, TF, VM
from vmm.errors import VmmError
from vmm.processor import Processor
from vmm.segmentation import (
    CS_INDEX,
    MASK32,
    SS_INDEX,
    code_segment,
    load_code,
    read_descriptor,
    selector_fault,
)
from vmm.stack import ESP, check_room, inner_stack, push, push_frame
from vmm.task_switch import Cause, debug_trap, switch_task, tss_descriptor

FAULTS: Final = frozenset({DE, BR, UD, NM, TS, NP, SS, GP, PF, MF, AC, XM})
"""Exceptions that push EFLAGS with RF set, so that the restart ignores its breakpoint (vol. 3B, 17.3.1.1)."""

_GATES: Final = frozenset({INTERRUPT16, TRAP16, INTERRUPT32, TRAP32, TASK_GATE})
_CLEARED: Final = TF | NT | RF | VM
_DR7_GD = 0x2000
EXT: Final = 1
"""In an error code: noticed while an event was delivered that no instruction asked for (vol. 3A, 6.13)."""


class TripleFault(VmmError):
    """The processor has shut down: a fault during the delivery of a double fault (SDM vol. 3A, 6.15).

    `chain` holds the events, oldest first; `eip` is where the guest was (offset in CS).
    """

    def __init__(self, chain: tuple[GuestFault, ...], eip: int) -> None:
        self.chain = chain
        self.eip = eip
        events = ", then ".join(str(event) for event in chain)
        super().__init__(f"The guest's processor shut down at guest address {eip:#010x}: {events}.")


def inject(
    v: Processor,
    vector: int,
    error_code: int | None = None,
    *,
    soft: bool = False,
    external: bool = False,
    insn_length: int = 0,
    address: int | None = None,
) -> None:
    """Make the guest take an event; returns with the processor at the handler. Raises TripleFault.

    `v.eip` is the interrupted instruction; `insn_length` is added to what is pushed, for software interrupts
    and other traps. `soft` is `int n`, `int3`, `into`; `external` is a device interrupt. `address` is what a
    page fault puts in CR2. #AC during #AC goes on for ever: then the processor is where it was, for a next try.
    """
    event = GuestFault(vector, error_code, address)
    chain = [event]
    combines = not soft and not external
    if address is not None:
        v.cr2 = address
    while True:
        try:
            deliver(v, event.vector, event.error_code, soft=soft, external=external, insn_length=insn_length)
        except GuestFault as error:
            fault = GuestFault(AC, 0 if soft else EXT) if error.vector == AC else error
            chain.append(fault)
            if fault.address is not None:
                v.cr2 = fault.address
            if fault.vector == event.vector == AC:
                return
            event = _combine(event.vector, fault, chain, v.eip) if combines else fault
            soft = external = False
            combines, insn_length = True, 0
        else:
            return


def inject_fault(v: Processor, fault: GuestFault) -> None:
    """Make the guest take an exception that an effect or a memory access raised. Raises TripleFault."""
    inject(v, fault.vector, fault.error_code, address=fault.address)


def _combine(first: int, second: GuestFault, chain: list[GuestFault], eip: int) -> GuestFault:
    """What comes of a fault while the exception `first` was being delivered (SDM vol. 3A, table 6-5)."""
    grave = second.vector in CONTRIBUTORY or second.vector == PF
    if first == DF and grave:
        raise TripleFault(tuple(chain), eip)
    if (first == PF and grave) or (first in CONTRIBUTORY and second.vector in CONTRIBUTORY):
        double = GuestFault(DF, 0)
        chain.append(double)
        return double
    return second


def deliver(
    v: Processor,
    vector: int,
    error_code: int | None = None,
    *,
    soft: bool = False,
    external: bool = False,
    insn_length: int = 0,
) -> None:
    """Deliver one event through its gate, or raise the GuestFault that prevents it with nothing changed."""
    ext = 0 if soft else 1
    gate = _gate(v, vector, soft, ext)
    eip = v.eip + insn_length & MASK32
    image = v.eflags
    if vector in FAULTS and not soft and not external:
        image |= RF
    if gate >> 40 & 0x1F == TASK_GATE:
        _through_task_gate(v, gate >> 16 & 0xFFFF, eip, image, error_code, ext)
    else:
        _through_gate(v, gate, eip, image, error_code, ext)
    v.halted = v.shadow = False
    if vector == DB and not soft:
        v.dr[7] &= ~_DR7_GD


def _gate(v: Processor, vector: int, soft: bool, ext: int) -> int:
    """The checked gate of the vector; a fault's error code names it by its place in the IDT."""
    idtr, offset = v.idtr, vector * 8
    if offset + 7 > idtr.limit:
        raise GuestFault(GP, offset + 2 + ext)
    gate = v.mem.read_system(idtr.base + offset & MASK32, 8)
    if gate >> 40 & 0x1F not in _GATES or (soft and gate >> 45 & 3 < v.cpl):
        raise GuestFault(GP, offset + 2 + ext)
    if not gate >> 47 & 1:
        raise GuestFault(NP, offset + 2 + ext)
    return gate


def _through_gate(v: Processor, gate: int, eip: int, image: int, error_code: int | None, ext: int) -> None:
    """An interrupt or trap gate, 16- or 32-bit, to this ring or an inner one."""
    kind, selector, cpl = gate >> 40 & 0xF, gate >> 16 & 0xFFFF, v.cpl
    size, handler = (4, gate >> 32 & 0xFFFF_0000 | gate & 0xFFFF) if kind & 8 else (2, gate & 0xFFFF)
    raw = _handler_descriptor(v, selector, cpl, ext)
    ring = cpl if raw >> 32 & CONFORMING else raw >> 45 & 3
    old_ss, old_esp = v.segment(SS_INDEX), v.regs[ESP]
    frame = [image, v.selector(CS_INDEX), eip]
    if error_code is not None:
        frame.append(error_code)
    if ring == cpl:
        ss, esp = old_ss, old_esp
        check_room(ss, esp, len(frame), size, ext)
    else:
        ss, esp = inner_stack(v, ring, ext)
        frame[:0] = (old_ss.selector, old_esp)
        check_room(ss, esp, len(frame), size, ss.selector & 0xFFFC | ext)
    cs = code_segment(v, selector & ~3 | ring, raw, handler, ext)
    esp = push_frame(v, ss, esp, size, frame, ring)
    if ring != cpl:
        v.set_cpl(ring)
        v.load_segment(SS_INDEX, ss)
    load_code(v, cs)
    v.regs[ESP] = esp
    v.eip = handler
    v.eflags = image & ~(_CLEARED if kind & 1 else _CLEARED | IF)


def _handler_descriptor(v: Processor, selector: int, cpl: int, ext: int) -> int:
    """The code segment that a gate names: not null, code, in this ring or an inner one, present."""
    if not selector & 0xFFFC:
        raise GuestFault(GP, ext)
    raw = read_descriptor(v, selector, GP, ext)
    hi = raw >> 32
    if hi & (NONSYSTEM | CODE) != NONSYSTEM | CODE or hi >> 13 & 3 > cpl:
        raise selector_fault(GP, selector, ext)
    if not hi & PRESENT:
        raise selector_fault(NP, selector, ext)
    return raw


def _through_task_gate(
    v: Processor, selector: int, eip: int, image: int, error_code: int | None, ext: int
) -> None:
    """Switch tasks; the error code goes on the new task's stack (SDM vol. 3A, section 7.3)."""
    raw = tss_descriptor(v, selector, GP, ext)
    tr = switch_task(v, selector, raw, Cause.EVENT, eip, image, ext)
    if error_code is not None:
        size = 4 if raw >> 40 & 8 else 2
        check_room(v.segment(SS_INDEX), v.regs[ESP], 1, size, ext)
        push(v, size, error_code)
    debug_trap(v, tr)
