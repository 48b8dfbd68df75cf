# SPDX-License-Identifier: GPL-2.0-or-later
"""Waiting for a store: monitor and mwait."""

from functools import partial

from patcher.catalogue.row import Form, Key, Runs, SensitiveInsn, Sensitivity, sdm

_row = partial(
    SensitiveInsn,
    family="monitor",
    runs_at=Runs.CPL0,
    sensitivity=Sensitivity.CONTROL,
    is_hole=False,
    breaks="#UD in a kernel that waits for a store.",
)

ROWS = (
    _row(
        name="monitor",
        key=Key(1, 0x01, (1,), Form.REGISTER, rms=(0,)),
        effect="monitor",
        manual=sdm("MONITOR"),
    ),
    _row(
        name="mwait",
        key=Key(1, 0x01, (1,), Form.REGISTER, rms=(1,)),
        effect="mwait",
        manual=sdm("MWAIT"),
        control_flow=True,
    ),
)
