# SPDX-License-Identifier: GPL-2.0-or-later
"""The bases of FS and GS, read and written without a descriptor."""

from patcher.catalogue.row import LONG_MODE, Form, Key, Runs, SensitiveInsn, Sensitivity, sdm


def _row(reg: int, name: str, sensitivity: Sensitivity, breaks: str) -> SensitiveInsn:
    return SensitiveInsn(
        name=name,
        key=Key(1, 0xAE, (reg,), Form.REGISTER, prefixes=(0xF3,)),
        family="fsgsbase",
        effect=name,
        runs_at=Runs.CR4,
        sensitivity=sensitivity,
        is_hole=True,
        breaks=breaks,
        manual=sdm(f"{name[:2].upper()}FSBASE/{name[:2].upper()}GSBASE"),
        modes=LONG_MODE,
    )


_READ = "The guest sees a base that the monitor may have chosen."
_WRITTEN = "The base changes behind the monitor's back."

ROWS = (
    _row(0, "rdfsbase", Sensitivity.BEHAVIOUR, _READ),
    _row(1, "rdgsbase", Sensitivity.BEHAVIOUR, _READ),
    _row(2, "wrfsbase", Sensitivity.CONTROL, _WRITTEN),
    _row(3, "wrgsbase", Sensitivity.CONTROL, _WRITTEN),
)
