# SPDX-License-Identifier: GPL-2.0-or-later
"""Control transfers that may change ring, stack or task: far branches, gates, returns, fast calls."""

from functools import partial

from patcher.catalogue.row import (
    LEGACY_MODES,
    LONG_MODE,
    Form,
    Key,
    RobinIrvine,
    Runs,
    SensitiveInsn,
    Sensitivity,
    sdm,
)

_BOTH = Sensitivity.CONTROL | Sensitivity.BEHAVIOUR
_row = partial(SensitiveInsn, family="transfer", sensitivity=_BOTH, control_flow=True)
_anybody = partial(_row, runs_at=Runs.ANYBODY, is_hole=True)
_gate = partial(_row, runs_at=Runs.GATE, is_hole=True)
_FAR = "The descriptor is taken from the monitor's tables, and its DPL is judged by the real ring."
_INNER = "A return that the guest's ring allows faults in the real one, or goes to the wrong ring."
_EVENT = "It goes through the monitor's IDT, and the frame shows the real CS and EFLAGS."

ROWS = (
    _anybody(
        name="call far ptr",
        key=Key(0, 0x9A),
        effect="call far",
        robin_irvine=RobinIrvine.CALL,
        breaks=_FAR,
        manual=sdm("CALL"),
        modes=LEGACY_MODES,
    ),
    _anybody(
        name="call far m",
        key=Key(0, 0xFF, (3,), Form.MEMORY),
        effect="call far",
        robin_irvine=RobinIrvine.CALL,
        breaks=_FAR,
        manual=sdm("CALL"),
    ),
    _anybody(
        name="jmp far ptr",
        key=Key(0, 0xEA),
        effect="jmp far",
        robin_irvine=RobinIrvine.JMP,
        breaks=_FAR,
        manual=sdm("JMP"),
        modes=LEGACY_MODES,
    ),
    _anybody(
        name="jmp far m",
        key=Key(0, 0xFF, (5,), Form.MEMORY),
        effect="jmp far",
        robin_irvine=RobinIrvine.JMP,
        breaks=_FAR,
        manual=sdm("JMP"),
    ),
    _anybody(
        name="retf n",
        key=Key(0, 0xCA),
        effect="retf",
        robin_irvine=RobinIrvine.RET,
        breaks=_INNER,
        manual=sdm("RET"),
    ),
    _anybody(
        name="retf",
        key=Key(0, 0xCB),
        effect="retf",
        robin_irvine=RobinIrvine.RET,
        breaks=_INNER,
        manual=sdm("RET"),
    ),
    _anybody(
        name="iret",
        key=Key(0, 0xCF),
        effect="iret",
        breaks=_INNER + " The interrupt flag of the frame is dropped.",
        manual=sdm("IRET/IRETD/IRETQ"),
    ),
    _gate(
        name="int3",
        key=Key(0, 0xCC),
        effect="int3",
        robin_irvine=RobinIrvine.INT,
        breaks=_EVENT,
        manual=sdm("INT n/INTO/INT3/INT1"),
    ),
    _gate(
        name="int n",
        key=Key(0, 0xCD),
        effect="int n",
        robin_irvine=RobinIrvine.INT,
        breaks=_EVENT,
        manual=sdm("INT n/INTO/INT3/INT1"),
    ),
    _gate(
        name="into",
        key=Key(0, 0xCE),
        effect="into",
        breaks=_EVENT,
        manual=sdm("INT n/INTO/INT3/INT1"),
        modes=LEGACY_MODES,
    ),
    _anybody(
        name="int1",
        key=Key(0, 0xF1),
        effect="int1",
        breaks=_EVENT,
        manual=sdm("INT n/INTO/INT3/INT1"),
    ),
    _anybody(
        name="bound",
        key=Key(0, 0x62, form=Form.MEMORY),
        effect="bound",
        breaks="Out of range it goes through the monitor's IDT.",
        manual=sdm("BOUND"),
        modes=LEGACY_MODES,
    ),
    _anybody(
        name="sysenter",
        key=Key(1, 0x34),
        effect="sysenter",
        breaks="It enters the kernel whose address the real MSRs hold, in the real ring 0.",
        manual=sdm("SYSENTER"),
    ),
    _row(
        name="sysexit",
        key=Key(1, 0x35),
        effect="sysexit",
        runs_at=Runs.CPL0,
        is_hole=False,
        breaks="#GP in a kernel that returns to its user.",
        manual=sdm("SYSEXIT"),
    ),
    _anybody(
        name="syscall",
        key=Key(1, 0x05),
        effect="syscall",
        breaks="It enters the kernel whose address the real MSRs hold, in the real ring 0.",
        manual=sdm("SYSCALL"),
    ),
    _row(
        name="sysret",
        key=Key(1, 0x07),
        effect="sysret",
        runs_at=Runs.CPL0,
        is_hole=False,
        breaks="#GP in a kernel that returns to its user.",
        manual=sdm("SYSRET"),
    ),
    _row(
        name="swapgs",
        key=Key(1, 0x01, (7,), Form.REGISTER, rms=(0,)),
        effect="swapgs",
        runs_at=Runs.CPL0,
        is_hole=False,
        breaks="#GP in a kernel that fetches its own data segment on entry.",
        manual=sdm("SWAPGS"),
        modes=LONG_MODE,
        control_flow=False,
    ),
)
