# SPDX-License-Identifier: GPL-2.0-or-later
"""The alignment-check flag as the key to user pages: clac and stac."""

from functools import partial

from patcher.catalogue.row import Form, Key, Runs, SensitiveInsn, Sensitivity, sdm

_row = partial(
    SensitiveInsn,
    family="smap",
    runs_at=Runs.CPL0,
    sensitivity=Sensitivity.CONTROL,
    is_hole=False,
    breaks="#UD in a kernel that opens or closes its view of user pages.",
)

ROWS = (
    _row(
        name="clac",
        key=Key(1, 0x01, (1,), Form.REGISTER, rms=(2,)),
        effect="clac",
        manual=sdm("CLAC"),
    ),
    _row(
        name="stac",
        key=Key(1, 0x01, (1,), Form.REGISTER, rms=(3,)),
        effect="stac",
        manual=sdm("STAC"),
    ),
)
