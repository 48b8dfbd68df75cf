# SPDX-License-Identifier: GPL-2.0-or-later
"""The generated sources: seeds that everybody may look at, and seeds that only final figures use."""

from collections.abc import Iterator
from typing import Final

from vmm.bench.audit import modes, obfuscate, pools
from vmm.bench.audit.source import Source, assembly

_SEEDS: Final = range(1, 9)
_HELD_OUT: Final = range(1001, 1009)
_FORMS: Final = "forms=exe,exe-stripped"
_RAW: Final = "# @build bits=64 forms=raw base=0x7c00 mode=16\n"


def sources(held_out: bool = False) -> tuple[Source, ...]:
    """Every generated source."""
    return tuple(_sources(_HELD_OUT if held_out else _SEEDS))


def _sources(seeds: range) -> Iterator[Source]:
    for seed in seeds:
        for bits in (32, 64):
            head = f"# @build bits={bits} {_FORMS}\n"
            yield assembly(f"b/pools-{bits}-{seed}", "b", head + pools.program(seed, bits))
            yield assembly(f"c/tricks-{bits}-{seed}", "c", head + obfuscate.program(seed, bits))
    for seed in range(seeds[0], seeds[0] + 4 * len(seeds)):
        yield assembly(f"d/modes-{seed}", "d", _RAW + modes.program(seed))
