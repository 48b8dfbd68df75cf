# SPDX-License-Identifier: GPL-2.0-or-later
"""Control and status of the floating-point units: not sensitive on any processor, but the engine leaves exceptions out.

The engine calculates with all exceptions masked and keeps the flags of what was raised to itself. What unmasks an
exception, or shows or clears flags, must come to the monitor for that reason only.
"""

from functools import partial

from patcher.catalogue.row import (
    LEGACY_MODES,
    NO_PREFIX,
    Form,
    Key,
    Origin,
    Runs,
    SensitiveInsn,
    Sensitivity,
    sdm,
)

_row = partial(
    SensitiveInsn, family="floats", runs_at=Runs.ANYBODY, is_hole=False, modes=LEGACY_MODES, origin=Origin.ENGINE
)
_loads = partial(
    _row, sensitivity=Sensitivity.CONTROL, breaks="An exception that it unmasks, or finds waiting, is never raised."
)
_shows = partial(
    _row, sensitivity=Sensitivity.BEHAVIOUR, breaks="The flags of exceptions that were raised masked are missing."
)
_clears = partial(_row, sensitivity=Sensitivity.CONTROL, breaks="Flags that it clears come back.")


def _memory(opcode: int, reg: int) -> Key:
    return Key(0, opcode, (reg,), Form.MEMORY)


def _fx(reg: int) -> Key:
    return Key(1, 0xAE, (reg,), Form.MEMORY, prefixes=(NO_PREFIX,))


ROWS = (
    _loads(name="fldcw", key=_memory(0xD9, 5), effect="fldcw", manual=sdm("FLDCW")),
    _loads(name="fldenv", key=_memory(0xD9, 4), effect="fldenv", manual=sdm("FLDENV")),
    _loads(name="frstor", key=_memory(0xDD, 4), effect="frstor", manual=sdm("FRSTOR")),
    _loads(name="fxrstor", key=_fx(1), effect="fxrstor", manual=sdm("FXRSTOR")),
    _loads(name="ldmxcsr", key=_fx(2), effect="ldmxcsr", manual=sdm("LDMXCSR")),
    _shows(name="fnstenv", key=_memory(0xD9, 6), effect="fnstenv", manual=sdm("FSTENV/FNSTENV")),
    _shows(name="fnsave", key=_memory(0xDD, 6), effect="fnsave", manual=sdm("FSAVE/FNSAVE")),
    _shows(name="fnstsw", key=_memory(0xDD, 7), effect="fnstsw", manual=sdm("FSTSW/FNSTSW")),
    _shows(
        name="fnstsw ax",
        key=Key(0, 0xDF, (4,), Form.REGISTER, rms=(0,)),
        effect="fnstsw ax",
        manual=sdm("FSTSW/FNSTSW"),
    ),
    _shows(name="fxsave", key=_fx(0), effect="fxsave", manual=sdm("FXSAVE")),
    _shows(name="stmxcsr", key=_fx(3), effect="stmxcsr", manual=sdm("STMXCSR")),
    _clears(
        name="fnclex",
        key=Key(0, 0xDB, (4,), Form.REGISTER, rms=(2,)),
        effect="fnclex",
        manual=sdm("FCLEX/FNCLEX"),
    ),
    _clears(
        name="fninit",
        key=Key(0, 0xDB, (4,), Form.REGISTER, rms=(3,)),
        effect="fninit",
        manual=sdm("FINIT/FNINIT"),
    ),
)
