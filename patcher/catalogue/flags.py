# SPDX-License-Identifier: GPL-2.0-or-later
"""Flags: reading and writing EFLAGS as a whole, and the interrupt flag."""

from functools import partial

from patcher.catalogue.row import Key, RobinIrvine, Runs, SensitiveInsn, Sensitivity, sdm

_row = partial(SensitiveInsn, family="flags")

ROWS = (
    _row(
        name="pushf",
        key=Key(0, 0x9C),
        effect="pushf",
        runs_at=Runs.ANYBODY,
        sensitivity=Sensitivity.BEHAVIOUR,
        is_hole=True,
        robin_irvine=RobinIrvine.PUSHF,
        breaks="The guest sees the interrupt flag and IOPL of the real processor instead of its own.",
        manual=sdm("PUSHF/PUSHFD/PUSHFQ"),
    ),
    _row(
        name="popf",
        key=Key(0, 0x9D),
        effect="popf",
        runs_at=Runs.ANYBODY,
        sensitivity=Sensitivity.CONTROL | Sensitivity.BEHAVIOUR,
        is_hole=True,
        robin_irvine=RobinIrvine.POPF,
        breaks="A change of the interrupt flag or IOPL is dropped without a trap.",
        manual=sdm("POPF/POPFD/POPFQ"),
    ),
    _row(
        name="cli",
        key=Key(0, 0xFA),
        effect="cli",
        runs_at=Runs.IOPL,
        sensitivity=Sensitivity.CONTROL,
        is_hole=False,
        breaks="#GP in a kernel that may mask interrupts.",
        manual=sdm("CLI"),
    ),
    _row(
        name="sti",
        key=Key(0, 0xFB),
        effect="sti",
        runs_at=Runs.IOPL,
        sensitivity=Sensitivity.CONTROL,
        is_hole=False,
        breaks="#GP in a kernel that may open interrupts; the one-instruction shadow is lost.",
        manual=sdm("STI"),
    ),
)
