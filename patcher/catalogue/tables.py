# SPDX-License-Identifier: GPL-2.0-or-later
"""Table registers: where the descriptor tables, the task state and the interrupt table lie."""

from functools import partial

from patcher.catalogue.row import Form, Key, RobinIrvine, Runs, SensitiveInsn, Sensitivity, sdm

_reads = partial(
    SensitiveInsn,
    family="tables",
    runs_at=Runs.ANYBODY,
    sensitivity=Sensitivity.BEHAVIOUR,
    is_hole=True,
)
_loads = partial(
    SensitiveInsn,
    family="tables",
    runs_at=Runs.CPL0,
    sensitivity=Sensitivity.CONTROL,
    is_hole=False,
)

ROWS = (
    _reads(
        name="sgdt",
        key=Key(1, 0x01, (0,), Form.MEMORY),
        effect="sgdt",
        robin_irvine=RobinIrvine.SGDT,
        breaks="The guest sees base and limit of the monitor's GDT.",
        manual=sdm("SGDT"),
    ),
    _reads(
        name="sidt",
        key=Key(1, 0x01, (1,), Form.MEMORY),
        effect="sidt",
        robin_irvine=RobinIrvine.SIDT,
        breaks="The guest sees base and limit of the monitor's IDT: the red pill.",
        manual=sdm("SIDT"),
    ),
    _reads(
        name="sldt",
        key=Key(1, 0x00, (0,)),
        effect="sldt",
        robin_irvine=RobinIrvine.SLDT,
        breaks="The guest sees the selector of the monitor's LDT.",
        manual=sdm("SLDT"),
    ),
    _reads(
        name="str",
        key=Key(1, 0x00, (1,)),
        effect="str",
        robin_irvine=RobinIrvine.STR,
        breaks="The guest sees the selector of the monitor's task.",
        manual=sdm("STR"),
    ),
    _loads(
        name="lgdt",
        key=Key(1, 0x01, (2,), Form.MEMORY),
        effect="lgdt",
        breaks="#GP in a kernel that installs its descriptors; run for real it would replace the monitor's.",
        manual=sdm("LGDT/LIDT"),
    ),
    _loads(
        name="lidt",
        key=Key(1, 0x01, (3,), Form.MEMORY),
        effect="lidt",
        breaks="#GP in a kernel that installs its handlers; run for real it would take all exits away.",
        manual=sdm("LGDT/LIDT"),
    ),
    _loads(
        name="lldt",
        key=Key(1, 0x00, (2,)),
        effect="lldt",
        breaks="#GP in a kernel that changes its local descriptors.",
        manual=sdm("LLDT"),
    ),
    _loads(
        name="ltr",
        key=Key(1, 0x00, (3,)),
        effect="ltr",
        breaks="#GP in a kernel that names its task state; its stacks for ring 0 would not be found.",
        manual=sdm("LTR"),
    ),
)
