# SPDX-License-Identifier: GPL-2.0-or-later
"""Caches and the translation buffer."""

from functools import partial

from patcher.catalogue.row import Form, Key, Runs, SensitiveInsn, Sensitivity, sdm

_row = partial(
    SensitiveInsn, family="cache", runs_at=Runs.CPL0, sensitivity=Sensitivity.CONTROL, is_hole=False
)

ROWS = (
    _row(
        name="invd",
        key=Key(1, 0x08),
        effect="invd",
        breaks="#GP in a kernel that empties its caches.",
        manual=sdm("INVD"),
    ),
    _row(
        name="wbinvd",
        key=Key(1, 0x09),
        effect="wbinvd",
        breaks="#GP in a kernel that empties its caches.",
        manual=sdm("WBINVD"),
    ),
    _row(
        name="invlpg",
        key=Key(1, 0x01, (7,), Form.MEMORY),
        effect="invlpg",
        breaks="#GP in a kernel that changed a page-table entry.",
        manual=sdm("INVLPG"),
    ),
    _row(
        name="invpcid",
        key=Key(2, 0x82, form=Form.MEMORY, prefixes=(0x66,)),
        effect="invpcid",
        breaks="#GP in a kernel that changed page-table entries of an address space.",
        manual=sdm("INVPCID"),
    ),
)
