# SPDX-License-Identifier: GPL-2.0-or-later
"""Encodings that the processor answers with #UD although an engine may run them.

Found by trying every opcode, ModRM.reg, kind of operand and prefix on a processor and on the engine. What the
engine runs for a feature that no processor model announces (SSE4, MOVBE, POPCNT, ...) is left to it.
"""

from functools import partial

from patcher.catalogue.row import (
    EVERY_MODE,
    LEGACY_MODES,
    NO_PREFIX,
    REAL_MODE,
    Form,
    Key,
    Origin,
    Runs,
    SensitiveInsn,
    Sensitivity,
    sdm,
)

_row = partial(
    SensitiveInsn,
    family="invalid",
    effect="ud",
    runs_at=Runs.NOBODY,
    sensitivity=Sensitivity.BEHAVIOUR,
    is_hole=True,
    breaks="It runs where the processor answers with #UD.",
    control_flow=True,
    origin=Origin.UNDEFINED,
)
_REPEATS = (0xF2, 0xF3)
_EVERY_PREFIX = (0x66, 0xF2, 0xF3)

_NOWHERE = Key(
    0, 0xF0
)  # a prefix byte is never an opcode: these rows are found by other means than their key

LOCKED = _row(name="lock", key=_NOWHERE, manual=sdm("LOCK"))
"""A lock prefix on an instruction that cannot be locked."""

VEX = _row(
    name="vex",
    key=Key(0, 0xC5, form=Form.REGISTER),
    manual="SDM vol. 2A, section 2.3",
    modes=LEGACY_MODES,
    origin=Origin.ENGINE,
)
"""A VEX, EVEX or XOP encoding on a processor without AVX; the engine runs what follows, or pop for XOP."""

UNDECODABLE = _row(name="undecodable", key=_NOWHERE, manual="SDM vol. 2D, appendix A")
"""Bytes that are no instruction at all: ``decode`` returned None."""

TOO_LONG = _row(
    name="more than 15 bytes",
    key=_NOWHERE,
    effect="too long",
    breaks="The engine may raise another exception, or run the wrong part.",
    manual="SDM vol. 2A, section 2.3.11",
)
"""An instruction that its prefixes make longer than 15 bytes: #GP(0), not #UD."""

DISPUTED = _row(
    name="disputed",
    key=_NOWHERE,
    effect="disputed",
    breaks="The engine sees another instruction here, so it cannot run this one.",
    manual="SDM vol. 2A, section 2.1",
    origin=Origin.ENGINE,
)
"""An instruction whose end is not where the engine put it; it is told at run time, by the check of a block."""

HIDING = _row(
    name="hiding",
    key=_NOWHERE,
    effect="hiding",
    is_hole=False,
    breaks="Its bytes hold a sequence that kills the engine, so it is shown only while it runs alone.",
    manual="SDM vol. 2A, LOCK",
    control_flow=False,
    origin=Origin.ENGINE,
)
"""An instruction with bytes inside that must not be seen by fetches (``patcher.lethal``)."""


def _undefined(name: str, key: Key, title: str, modes: frozenset[int] = EVERY_MODE) -> SensitiveInsn:
    return _row(name=f"{name}, undefined form", key=key, manual=sdm(title), modes=modes)


def _padlock(opcode: int) -> SensitiveInsn:
    """An instruction of VIA's PadLock, which Intel's map leaves blank; no model that is offered has it."""
    return _row(name="padlock", key=Key(1, opcode, form=Form.REGISTER), manual="SDM vol. 2D, table A-3")


_MEMORY, _REGISTER = Form.MEMORY, Form.REGISTER

ROWS = (
    _undefined("pop r/m", Key(0, 0x8F, (4,)), "POP"),
    _undefined("pop r/m", Key(0, 0x8F, (1, 2, 3, 5, 6, 7)), "POP", REAL_MODE),  # else XOP prefixes
    _undefined("mov r/m,sreg", Key(0, 0x8C, (6, 7)), "MOV"),
    _undefined("mov sreg,r/m", Key(0, 0x8E, (1, 6, 7)), "MOV"),
    _undefined("mov r/m8,n", Key(0, 0xC6, (1, 2, 3, 4, 5, 6, 7)), "XABORT"),
    _undefined("mov r/m,n", Key(0, 0xC7, (1, 2, 3, 4, 5, 6, 7)), "XBEGIN"),
    _undefined("mov r,cr", Key(1, 0x20, (1, 5, 6, 7)), "MOV - Move to/from Control Registers"),
    _undefined("mov cr,r", Key(1, 0x22, (1, 5, 6, 7)), "MOV - Move to/from Control Registers"),
    _undefined("movlpd", Key(1, 0x12, None, _REGISTER, prefixes=(0x66,)), "MOVLPD"),
    _undefined("movhpd", Key(1, 0x16, None, _REGISTER, prefixes=(0x66,)), "MOVHPD"),
    _undefined("movntps", Key(1, 0x2B, prefixes=_REPEATS), "MOVNTPS"),
    _undefined("movmskps", Key(1, 0x50, form=_MEMORY), "MOVMSKPS"),
    _undefined("psllw", Key(1, 0x71, form=_MEMORY), "PSLLW/PSLLD/PSLLQ"),
    _undefined("pslld", Key(1, 0x72, form=_MEMORY), "PSLLW/PSLLD/PSLLQ"),
    _undefined("psllq", Key(1, 0x73, form=_MEMORY), "PSLLW/PSLLD/PSLLQ"),
    _undefined("extrq", Key(1, 0x78, prefixes=_EVERY_PREFIX), "VMREAD", LEGACY_MODES),
    _undefined("extrq", Key(1, 0x79, prefixes=_EVERY_PREFIX), "VMWRITE", LEGACY_MODES),
    _undefined("fxsave", Key(1, 0xAE, (0, 1, 2, 3), _MEMORY, prefixes=_EVERY_PREFIX), "FXSAVE"),
    _undefined("lfence", Key(1, 0xAE, (5, 6, 7), _REGISTER, prefixes=_EVERY_PREFIX), "LFENCE"),
    _undefined("movnti", Key(1, 0xC3, form=_MEMORY, prefixes=_EVERY_PREFIX), "MOVNTI"),
    _undefined("movq", Key(1, 0xD6, form=_MEMORY, prefixes=_REPEATS), "MOVQ"),
    _undefined("movbe", Key(2, 0xF0, None, _REGISTER, prefixes=(NO_PREFIX, 0x66)), "MOVBE"),
    _undefined("movbe", Key(2, 0xF1, None, _REGISTER, prefixes=(NO_PREFIX, 0x66)), "MOVBE"),
    _padlock(0xA6),
    _padlock(0xA7),
)
