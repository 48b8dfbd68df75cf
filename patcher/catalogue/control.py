# SPDX-License-Identifier: GPL-2.0-or-later
"""Control and debug registers, the machine status word, and halting."""

from functools import partial

from patcher.catalogue.row import Key, RobinIrvine, Runs, SensitiveInsn, Sensitivity, sdm

_row = partial(SensitiveInsn, family="control", runs_at=Runs.CPL0, is_hole=False)
_reads = partial(_row, sensitivity=Sensitivity.BEHAVIOUR)
_writes = partial(_row, sensitivity=Sensitivity.CONTROL)

ROWS = (
    _reads(
        name="mov r,cr",
        key=Key(1, 0x20, (0, 2, 3, 4)),
        effect="mov r,cr",
        breaks="#GP in a kernel that reads its mode, its page tables or its fault address.",
        manual=sdm("MOV - Move to/from Control Registers"),
    ),
    _writes(
        name="mov cr,r",
        key=Key(1, 0x22, (0, 2, 3, 4)),
        effect="mov cr,r",
        breaks="#GP in a kernel that changes its mode or its page tables.",
        manual=sdm("MOV - Move to/from Control Registers"),
    ),
    _reads(
        name="mov r,dr",
        key=Key(1, 0x21),
        effect="mov r,dr",
        breaks="#GP in a kernel that reads its breakpoints.",
        manual=sdm("MOV - Move to/from Debug Registers"),
    ),
    _writes(
        name="mov dr,r",
        key=Key(1, 0x23),
        effect="mov dr,r",
        breaks="#GP in a kernel that sets breakpoints.",
        manual=sdm("MOV - Move to/from Debug Registers"),
    ),
    SensitiveInsn(
        name="smsw",
        key=Key(1, 0x01, (4,)),
        family="control",
        effect="smsw",
        runs_at=Runs.ANYBODY,
        sensitivity=Sensitivity.BEHAVIOUR,
        is_hole=True,
        robin_irvine=RobinIrvine.SMSW,
        breaks="The guest sees the real CR0: protection and task-switched bits that are not its own.",
        manual=sdm("SMSW"),
    ),
    _writes(
        name="lmsw",
        key=Key(1, 0x01, (6,)),
        effect="lmsw",
        breaks="#GP in a kernel that changes the low bits of CR0.",
        manual=sdm("LMSW"),
    ),
    _writes(
        name="clts",
        key=Key(1, 0x06),
        effect="clts",
        breaks="#GP in a kernel that hands the coprocessor to a task.",
        manual=sdm("CLTS"),
    ),
    _writes(
        name="hlt",
        key=Key(0, 0xF4),
        effect="hlt",
        control_flow=True,
        breaks="#GP in a kernel that waits for an interrupt.",
        manual=sdm("HLT"),
    ),
)
