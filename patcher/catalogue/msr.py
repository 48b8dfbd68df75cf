# SPDX-License-Identifier: GPL-2.0-or-later
"""Model-specific registers, and the extended control register."""

from patcher.catalogue.row import Form, Key, Runs, SensitiveInsn, Sensitivity, sdm

ROWS = (
    SensitiveInsn(
        name="rdmsr",
        key=Key(1, 0x32),
        family="msr",
        effect="rdmsr",
        runs_at=Runs.CPL0,
        sensitivity=Sensitivity.BEHAVIOUR,
        is_hole=False,
        breaks="#GP in a kernel that asks the processor for its set-up.",
        manual=sdm("RDMSR"),
    ),
    SensitiveInsn(
        name="wrmsr",
        key=Key(1, 0x30),
        family="msr",
        effect="wrmsr",
        runs_at=Runs.CPL0,
        sensitivity=Sensitivity.CONTROL,
        is_hole=False,
        breaks="#GP in a kernel that sets the processor up.",
        manual=sdm("WRMSR"),
    ),
    SensitiveInsn(
        name="xgetbv",
        key=Key(1, 0x01, (2,), Form.REGISTER, rms=(0,)),
        family="msr",
        effect="xgetbv",
        runs_at=Runs.CR4,
        sensitivity=Sensitivity.BEHAVIOUR,
        is_hole=True,
        breaks="The guest sees which register state the real processor saves.",
        manual=sdm("XGETBV"),
    ),
    SensitiveInsn(
        name="xsetbv",
        key=Key(1, 0x01, (2,), Form.REGISTER, rms=(1,)),
        family="msr",
        effect="xsetbv",
        runs_at=Runs.CPL0,
        sensitivity=Sensitivity.CONTROL,
        is_hole=False,
        breaks="#GP in a kernel that chooses which register state is saved.",
        manual=sdm("XSETBV"),
    ),
)
