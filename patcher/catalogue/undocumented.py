# SPDX-License-Identifier: GPL-2.0-or-later
"""Forms that processors run although the opcode maps leave them blank, and that an engine may refuse.

They are not sensitive. They have rows because the engine's answer would show that it is no processor.
"""

from functools import partial

from patcher.catalogue.row import Form, Key, Runs, SensitiveInsn, Sensitivity

_row = partial(
    SensitiveInsn,
    family="undocumented",
    runs_at=Runs.ANYBODY,
    sensitivity=Sensitivity.BEHAVIOUR,
    is_hole=False,
    breaks="The engine answers with #UD.",
)

ROWS = (
    _row(
        name="test r/m8,n (/1)",
        key=Key(0, 0xF6, (1,)),
        effect="test",
        manual="AMD APM vol. 3, TEST",
    ),
    _row(
        name="test r/m,n (/1)",
        key=Key(0, 0xF7, (1,)),
        effect="test",
        manual="AMD APM vol. 3, TEST",
    ),
    _row(
        name="reserved nop (0F 0D)",
        key=Key(1, 0x0D, form=Form.REGISTER),
        effect="nop",
        manual="SDM vol. 2D, table A-3",
    ),
    _row(
        name="reserved nop (0F 18)",
        key=Key(1, 0x18, (0, 1, 2, 3), Form.REGISTER),
        effect="nop",
        manual="SDM vol. 2D, table A-3",
    ),
)
