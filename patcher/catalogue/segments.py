# SPDX-License-Identifier: GPL-2.0-or-later
"""Segments: selectors read and loaded, and the instructions that ask what a selector allows."""

from functools import partial

from patcher.catalogue.row import (
    EVERY_MODE,
    LEGACY_MODES,
    Form,
    Key,
    RobinIrvine,
    Runs,
    SensitiveInsn,
    Sensitivity,
    sdm,
)

_row = partial(SensitiveInsn, family="segments", runs_at=Runs.ANYBODY, is_hole=True)
_SHOWN = "The selector shows the ring in which the guest really runs."
_LOADED = "The descriptor is taken from the monitor's tables, and its DPL is judged by the real ring."
_ASKED = "The answer is about the monitor's descriptors and for the real ring."


def _push(name: str, key: Key, modes: frozenset[int]) -> SensitiveInsn:
    return _row(
        name=f"push {name}",
        key=key,
        effect="push sreg",
        sensitivity=Sensitivity.BEHAVIOUR,
        robin_irvine=RobinIrvine.PUSH,
        breaks=_SHOWN,
        manual=sdm("PUSH"),
        modes=modes,
    )


def _pop(name: str, key: Key, modes: frozenset[int]) -> SensitiveInsn:
    return _row(
        name=f"pop {name}",
        key=key,
        effect="pop sreg",
        sensitivity=Sensitivity.CONTROL | Sensitivity.BEHAVIOUR,
        robin_irvine=RobinIrvine.POP,
        breaks=_LOADED,
        manual=sdm("POP"),
        modes=modes,
    )


def _far_load(name: str, key: Key, modes: frozenset[int]) -> SensitiveInsn:
    return _row(
        name=name,
        key=key,
        effect=name,
        sensitivity=Sensitivity.CONTROL | Sensitivity.BEHAVIOUR,
        breaks=_LOADED,
        manual=sdm("LDS/LES/LFS/LGS/LSS"),
        modes=modes,
    )


def _ask(name: str, key: Key, which: RobinIrvine, title: str) -> SensitiveInsn:
    return _row(
        name=name,
        key=key,
        effect=name,
        sensitivity=Sensitivity.BEHAVIOUR,
        robin_irvine=which,
        breaks=_ASKED,
        manual=sdm(title),
    )


ROWS = (
    _row(
        name="mov r/m,sreg",
        key=Key(0, 0x8C, (0, 1, 2, 3, 4, 5)),
        effect="mov r/m,sreg",
        sensitivity=Sensitivity.BEHAVIOUR,
        robin_irvine=RobinIrvine.MOV,
        breaks=_SHOWN,
        manual=sdm("MOV"),
    ),
    _row(
        name="mov sreg,r/m",
        key=Key(0, 0x8E, (0, 2, 3, 4, 5)),
        effect="mov sreg,r/m",
        sensitivity=Sensitivity.CONTROL | Sensitivity.BEHAVIOUR,
        robin_irvine=RobinIrvine.MOV,
        breaks=_LOADED,
        manual=sdm("MOV"),
    ),
    _push("es", Key(0, 0x06), LEGACY_MODES),
    _push("cs", Key(0, 0x0E), LEGACY_MODES),
    _push("ss", Key(0, 0x16), LEGACY_MODES),
    _push("ds", Key(0, 0x1E), LEGACY_MODES),
    _push("fs", Key(1, 0xA0), EVERY_MODE),
    _push("gs", Key(1, 0xA8), EVERY_MODE),
    _pop("es", Key(0, 0x07), LEGACY_MODES),
    _pop("ss", Key(0, 0x17), LEGACY_MODES),
    _pop("ds", Key(0, 0x1F), LEGACY_MODES),
    _pop("fs", Key(1, 0xA1), EVERY_MODE),
    _pop("gs", Key(1, 0xA9), EVERY_MODE),
    _far_load("les", Key(0, 0xC4, form=Form.MEMORY), LEGACY_MODES),
    _far_load("lds", Key(0, 0xC5, form=Form.MEMORY), LEGACY_MODES),
    _far_load("lss", Key(1, 0xB2, form=Form.MEMORY), EVERY_MODE),
    _far_load("lfs", Key(1, 0xB4, form=Form.MEMORY), EVERY_MODE),
    _far_load("lgs", Key(1, 0xB5, form=Form.MEMORY), EVERY_MODE),
    _ask("lar", Key(1, 0x02), RobinIrvine.LAR, "LAR"),
    _ask("lsl", Key(1, 0x03), RobinIrvine.LSL, "LSL"),
    _ask("verr", Key(1, 0x00, (4,)), RobinIrvine.VERR, "VERR/VERW"),
    _ask("verw", Key(1, 0x00, (5,)), RobinIrvine.VERW, "VERR/VERW"),
    _row(
        name="arpl",
        key=Key(0, 0x63),
        effect="arpl",
        sensitivity=Sensitivity.BEHAVIOUR,
        breaks="A kernel compares selectors whose RPL does not show the ring it believes to run in.",
        manual=sdm("ARPL"),
        modes=LEGACY_MODES,
    ),
)
