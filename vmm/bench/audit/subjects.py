# SPDX-License-Identifier: GPL-2.0-or-later
"""Those that are measured: the audit's own following, and what people use today.

A subject is given a finished file and claims file offsets: of sensitive instructions, in steps from surest to
weakest, and of all instructions where it says so. It is told the mode that the file's header suggests, no more.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from patcher.auditing.rows import audited
from patcher.catalogue import classify
from patcher.x86.decode import Truncated, decode
from vmm.bench.audit import objdump
from vmm.bench.audit.build import Region, Sample

CONFIRMED: Final = "confirmed"
LIKELY: Final = "confirmed, likely"
ALL_TIERS: Final = "all tiers"


@dataclass(frozen=True, slots=True)
class Claims:
    """`sites` holds for each step all that is claimed up to it; `in_mode` the same with the claimed code sizes."""

    sites: dict[str, frozenset[int]]
    starts: dict[str, frozenset[int]] = field(default_factory=dict)
    in_mode: dict[str, frozenset[tuple[int, int]]] = field(default_factory=dict)
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Subject:
    """`unusable` says why it cannot be measured here ("" when it can)."""

    name: str
    says: str
    steps: tuple[str, ...]
    claims: Callable[[Sample, Path], Claims]
    unusable: Callable[[], str] = lambda: ""


def sensitive_at(code: bytes, offset: int, mode: int) -> bool:
    """Does an audited instruction start here?"""
    try:
        insn = decode(code, offset, mode)
    except Truncated:
        return False
    row = None if insn is None else classify(insn)
    return row is not None and audited(row)


def _linear(region: Region, data: bytes) -> Iterator[int]:
    """Starts of a linear sweep by Capstone, which goes on one byte later where it sees no instruction."""
    from patcher.decoder import lengths

    code = data[region.offset : region.offset + region.size]
    offset = 0
    while offset < len(code):
        for length in lengths(code[offset:], region.mode):
            yield offset
            offset += length
        offset += 1


def _sweep(sample: Sample, _: Path) -> Claims:
    starts, sites = set(), set()
    for region in sample.regions:
        code = sample.data[region.offset : region.offset + region.size]
        for offset in _linear(region, sample.data):
            starts.add(region.offset + offset)
            if sensitive_at(code, offset, region.mode):
                sites.add(region.offset + offset)
    return Claims({"": frozenset(sites)}, {"": frozenset(starts)})


def _objdump(sample: Sample, folder: Path) -> Claims:
    starts, sites = objdump.claims(sample, folder)
    return Claims({"": sites}, {"": starts})


SWEEP: Final = Subject("linear sweep", "Capstone from each section's first byte to its last.", ("",), _sweep)
OBJDUMP: Final = Subject(
    "objdump -d", "The text of binutils, read by mnemonic.", ("",), _objdump, objdump.unusable
)


def _follow(sample: Sample, _: Path) -> Claims:
    from vmm.bench.audit.following import claims

    sites, starts = claims(sample)
    steps = (CONFIRMED, LIKELY, ALL_TIERS)
    return Claims(
        {step: frozenset(offset for offset, _ in found) for step, found in zip(steps, sites, strict=True)},
        dict(zip(steps, starts, strict=False)),
        dict(zip(steps, sites, strict=True)),
    )


def _cannot_follow() -> str:
    import patcher.follow

    return "" if hasattr(patcher.follow, "follow") else "patcher.follow is not there."


FOLLOW: Final = Subject("patchvisor", "The audit.", (CONFIRMED, LIKELY, ALL_TIERS), _follow, _cannot_follow)
SUBJECTS: Final = (FOLLOW, SWEEP, OBJDUMP)
