# SPDX-License-Identifier: GPL-2.0-or-later
"""What the processor tells about itself: identity, time, counters, random numbers."""

from functools import partial

from patcher.catalogue.row import NO_PREFIX, Form, Key, Runs, SensitiveInsn, Sensitivity, sdm

_row = partial(SensitiveInsn, family="cpu", sensitivity=Sensitivity.BEHAVIOUR, is_hole=True)
_RANDOM = "A number that no second run repeats, from a feature that the guest's processor has not."

ROWS = (
    _row(
        name="cpuid",
        key=Key(1, 0xA2),
        effect="cpuid",
        runs_at=Runs.ANYBODY,
        breaks="The guest sees features that its processor does not have.",
        manual=sdm("CPUID"),
    ),
    _row(
        name="rdtsc",
        key=Key(1, 0x31),
        effect="rdtsc",
        runs_at=Runs.CR4,
        breaks="The guest sees time go on while it is not running.",
        manual=sdm("RDTSC"),
    ),
    _row(
        name="rdtscp",
        key=Key(1, 0x01, (7,), Form.REGISTER, rms=(1,)),
        effect="rdtscp",
        runs_at=Runs.CR4,
        breaks="The guest sees time go on while it is not running, and which real processor runs it.",
        manual=sdm("RDTSCP"),
    ),
    _row(
        name="rdpmc",
        key=Key(1, 0x33),
        effect="rdpmc",
        runs_at=Runs.CR4,
        breaks="The guest counts the monitor's events.",
        manual=sdm("RDPMC"),
    ),
    _row(
        name="rdpid",
        key=Key(1, 0xC7, (7,), Form.REGISTER, prefixes=(0xF3,)),
        effect="rdpid",
        runs_at=Runs.ANYBODY,
        breaks="The guest sees which real processor runs it.",
        manual=sdm("RDPID"),
    ),
    _row(
        name="rdrand",
        key=Key(1, 0xC7, (6,), Form.REGISTER),
        effect="ud",
        runs_at=Runs.ANYBODY,
        breaks=_RANDOM,
        manual=sdm("RDRAND"),
    ),
    _row(
        name="rdseed",
        key=Key(1, 0xC7, (7,), Form.REGISTER, prefixes=(NO_PREFIX, 0x66, 0xF2)),
        effect="ud",
        runs_at=Runs.ANYBODY,
        breaks=_RANDOM,
        manual=sdm("RDSEED"),
    ),
)
