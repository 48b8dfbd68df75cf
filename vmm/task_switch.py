# SPDX-License-Identifier: GPL-2.0-or-later
"""The hardware task switch: by jump, call, event or return, 32- and 16-bit TSSs (SDM vol. 3A, section 7.3).

The first half can fault in the old task and then leaves it unchanged. From the commit point on, a fault
belongs to the new task: the processor already holds its registers, and the fault is delivered there.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from patcher.x86.descriptors import (
    BUSY,
    CODE,
    CONFORMING,
    LDT,
    NONSYSTEM,
    PRESENT,
    TSS16,
    TSS16_BUSY,
    TSS32,
    TSS32_BUSY,
    segment_of,
)
from patcher.x86.exceptions import DB, GP, NP, TS, GuestFault
from patcher.x86.flags import NT, VM
from patcher.x86.paging import CR0_PG
from patcher.x86.segment import Segment
from vmm.errors import Unsupported
from vmm.flag_image import FIXED, TASK
from vmm.processor import Processor
from vmm.segmentation import (
    CS_INDEX,
    DS_INDEX,
    ES_INDEX,
    FS_INDEX,
    GS_INDEX,
    LDTR,
    MASK32,
    SS_INDEX,
    TR,
    check_data,
    mark_accessed,
    read_descriptor,
    selector_fault,
    set_busy,
    stack_segment,
)

CR0_TS, DR6_BT, DR7_LOCAL = 0x8, 0x8000, 0x155


class Cause(Enum):
    """What switches tasks; it decides about busy bits, NT and the back link (SDM vol. 3A, table 7-2)."""

    JUMP = "jump"
    CALL = "call"
    EVENT = "event"
    RETURN = "return"


_NESTS: Final = frozenset({Cause.CALL, Cause.EVENT})


@dataclass(frozen=True, slots=True)
class _Layout:
    """Offsets in a TSS (SDM vol. 3A, figures 7-2 and 7-10)."""

    word: int  # bytes of a general register and the step from one to the next
    last: int  # lowest limit that holds it all
    eip: int
    eflags: int
    regs: int
    segments: int
    segment_count: int
    ldt: int


_LAYOUT_32: Final = _Layout(4, 0x67, 0x20, 0x24, 0x28, 0x48, 6, 0x60)
_LAYOUT_16: Final = _Layout(2, 0x2B, 0x0E, 0x10, 0x12, 0x22, 4, 0x2A)
_LAYOUTS: Final = {TSS16: _LAYOUT_16, TSS16_BUSY: _LAYOUT_16, TSS32: _LAYOUT_32, TSS32_BUSY: _LAYOUT_32}
_CR3_OFFSET, _TRAP_OFFSET = 0x1C, 0x64


@dataclass(frozen=True, slots=True)
class _TaskState:
    """What a TSS holds of a task."""

    eip: int
    eflags: int
    regs: tuple[int, ...]
    selectors: tuple[int, ...]  # ES CS SS DS FS GS
    ldt: int
    cr3: int | None


def tss_descriptor(v: Processor, selector: int, vector: int = GP, ext: int = 0, busy: bool = False) -> int:
    """The TSS descriptor of a task to switch to: in the GDT, available (`busy` for a return), present."""
    if selector & 4 or not selector & 0xFFFC:
        raise selector_fault(vector, selector, ext)
    raw = read_descriptor(v, selector, vector, ext)
    if raw >> 40 & 0x1F not in ((TSS16_BUSY, TSS32_BUSY) if busy else (TSS16, TSS32)):
        raise selector_fault(vector, selector, ext)
    if not raw >> 32 & PRESENT:
        raise selector_fault(NP, selector, ext)
    return raw


def switch_task(
    v: Processor, selector: int, raw: int, cause: Cause, eip: int, eflags: int, ext: int = 0
) -> Segment:
    """Leave the current task at `eip` with `eflags` and enter the one of TSS `selector`; the new TR.

    `raw` comes from `tss_descriptor`. The caller ends with `debug_trap`, after it has pushed what it must.
    """
    new, old = segment_of(selector, raw | BUSY << 32), v.segment(TR)
    layout, old_layout = _LAYOUTS[raw >> 40 & 0xF], _LAYOUTS.get(old.flags >> 8 & 0x1F)
    if new.limit < layout.last:
        raise selector_fault(TS, selector, ext)
    if old_layout is None or old.limit < old_layout.last:
        raise selector_fault(TS, old.selector, ext)
    state = _read_state(v, new.base, layout)
    if state.eflags & VM:
        raise Unsupported("a task in virtual-8086 mode", v.eip)
    _probe(v, old, old_layout, new)
    # --- commit point
    _save(v, old.base, old_layout, eip, eflags & ~NT if cause is Cause.RETURN else eflags)
    if cause not in _NESTS:
        set_busy(v, old.selector, False)
    else:
        v.mem.write_system(new.base, 2, old.selector)
    if cause is not Cause.RETURN:
        set_busy(v, selector, True)
    v.load_segment(TR, new)
    _load(v, state, NT if cause in _NESTS else 0)
    _qualify(v, state, ext)
    return new


def debug_trap(v: Processor, tr: Segment) -> None:
    """#DB as a trap when the T bit of the TSS just entered asks for it."""
    if tr.flags >> 8 & 0x1F == TSS32_BUSY and v.mem.read_system(tr.base + _TRAP_OFFSET & MASK32, 1) & 1:
        v.dr[6] |= DR6_BT
        raise GuestFault(DB)


def _read_state(v: Processor, base: int, layout: _Layout) -> _TaskState:
    read, word = v.mem.read_system, layout.word

    def field(offset: int, size: int) -> int:
        return read(base + offset & MASK32, size)

    high = 0 if word == 4 else 0xFFFF_0000
    regs = tuple(field(layout.regs + word * i, word) | high for i in range(8))
    selectors = [field(layout.segments + word * i, 2) for i in range(layout.segment_count)]
    return _TaskState(
        field(layout.eip, word),
        field(layout.eflags, word),
        regs,
        tuple(selectors + [0] * (6 - layout.segment_count)),
        field(layout.ldt, 2),
        field(_CR3_OFFSET, 4) if word == 4 else None,
    )


def _probe(v: Processor, old: Segment, layout: _Layout, new: Segment) -> None:
    """Fault now on whatever the switch will write (SDM vol. 3A, section 7.3, step 5)."""
    probe = v.mem.probe
    for address in (
        old.base + layout.eip,
        old.base + layout.ldt - 1,
        new.base,
        new.base + 1,
        v.gdtr.base + (old.selector & 0xFFF8) + 5,
        v.gdtr.base + (new.selector & 0xFFF8) + 5,
    ):
        probe(address & MASK32, 1, True, 0)


def _save(v: Processor, base: int, layout: _Layout, eip: int, eflags: int) -> None:
    write, word = v.mem.write_system, layout.word
    write(base + layout.eip & MASK32, word, eip)
    write(base + layout.eflags & MASK32, word, eflags)
    for i in range(8):
        write(base + layout.regs + word * i & MASK32, word, v.regs[i])
    for i in range(layout.segment_count):
        write(base + layout.segments + word * i & MASK32, 2, v.selector(i))


def _load(v: Processor, state: _TaskState, nt: int) -> None:
    """Everything that cannot fault; the segment registers hold their selectors, not yet usable."""
    v.write_cr0(v.cr0 | CR0_TS)
    if state.cr3 is not None and v.cr0 & CR0_PG:
        v.write_cr3(state.cr3)
    v.dr[7] &= ~DR7_LOCAL
    for i, value in enumerate(state.regs):
        v.regs[i] = value
    v.eip = state.eip
    v.eflags = state.eflags & TASK | FIXED | nt
    v.set_cpl(state.selectors[CS_INDEX] & 3)
    for i, selector in enumerate(state.selectors):
        v.load_segment(i, Segment(selector, 0, 0, 0))
    v.load_segment(LDTR, Segment(state.ldt, 0, 0, 0))


def _qualify(v: Processor, state: _TaskState, ext: int) -> None:
    """Load the hidden parts, with the checks of SDM vol. 3A, table 7-1."""
    _load_ldt(v, state.ldt, ext)
    selectors, cpl = state.selectors, state.selectors[CS_INDEX] & 3
    raw = _code_descriptor(v, selectors[CS_INDEX], ext)
    v.load_segment(CS_INDEX, segment_of(selectors[CS_INDEX], mark_accessed(v, selectors[CS_INDEX], raw)))
    v.load_segment(SS_INDEX, stack_segment(v, selectors[SS_INDEX], cpl, TS, ext))
    for register in (ES_INDEX, DS_INDEX, FS_INDEX, GS_INDEX):
        if selectors[register] & 0xFFFC:
            raw = read_descriptor(v, selectors[register], TS, ext)
            check_data(selectors[register], raw >> 32, cpl, TS, ext)
            raw = mark_accessed(v, selectors[register], raw)
            v.load_segment(register, segment_of(selectors[register], raw))
    if v.eip > v.segment(CS_INDEX).limit:
        raise GuestFault(GP, ext)


def _load_ldt(v: Processor, selector: int, ext: int) -> None:
    if not selector & 0xFFFC:
        return
    if selector & 4:
        raise selector_fault(TS, selector, ext)
    raw = read_descriptor(v, selector, TS, ext)
    if raw >> 40 & 0x1F != LDT or not raw >> 32 & PRESENT:
        raise selector_fault(TS, selector, ext)
    v.load_segment(LDTR, segment_of(selector, raw))


def _code_descriptor(v: Processor, selector: int, ext: int) -> int:
    if not selector & 0xFFFC:
        raise GuestFault(TS, ext)
    raw = read_descriptor(v, selector, TS, ext)
    hi, rpl = raw >> 32, selector & 3
    dpl = hi >> 13 & 3
    if hi & (NONSYSTEM | CODE) != NONSYSTEM | CODE or (dpl > rpl if hi & CONFORMING else dpl != rpl):
        raise selector_fault(TS, selector, ext)
    if not hi & PRESENT:
        raise selector_fault(NP, selector, ext)
    return raw
