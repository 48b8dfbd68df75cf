# SPDX-License-Identifier: GPL-2.0-or-later
"""A frozen picture of the virtual processor when a run ends badly; the crash report is drawn from it."""

from dataclasses import dataclass

from patcher.x86.segment import Segment

#: Order of `CpuDump.regs`: the encoding order of SDM vol. 2, table 2-2.
REG_NAMES = ("eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi")

#: Order of `CpuDump.segments`.
SEGMENT_NAMES = ("es", "cs", "ss", "ds", "fs", "gs", "ldtr", "tr")


@dataclass(frozen=True, slots=True)
class TableDump:
    """GDTR or IDTR: linear base, limit in bytes."""

    base: int
    limit: int


@dataclass(frozen=True, slots=True)
class ExitLine:
    """One of the last exits: the offset in CS, why it was, and what was there ("pushf", "#PF", "irq 0")."""

    eip: int
    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class CpuDump:
    """Everything the one-page crash report shows.

    `eip` is the offset in CS. `code` holds original guest bytes from linear `code_base` on, an instruction
    boundary at or before the one at EIP; empty when that page is not mapped. `stack` holds dwords from SS:ESP
    upwards, `last_exits` the newest exit last.
    """

    regs: tuple[int, ...]
    eip: int
    eflags: int
    cpl: int
    cr0: int
    cr2: int
    cr3: int
    cr4: int
    segments: tuple[Segment, ...]
    gdtr: TableDump
    idtr: TableDump
    code: bytes = b""
    code_base: int = 0
    stack: tuple[int, ...] = ()
    last_exits: tuple[ExitLine, ...] = ()
