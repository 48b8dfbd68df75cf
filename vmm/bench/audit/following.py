# SPDX-License-Identifier: GPL-2.0-or-later
"""What the patcher's own following claims about a file, by file offset and in steps of its tiers."""

from collections.abc import Iterable, Iterator

from patcher import binary as formats
from patcher.auditing.model import Tier
from patcher.binary.model import Binary, Entry, Origin, Privilege, Section
from patcher.follow import Budget, Flow, follow
from vmm.bench.audit.build import Sample

Offsets = frozenset[int]
_STEPS = ((Tier.CONFIRMED,), (Tier.CONFIRMED, Tier.LIKELY), tuple(Tier))


def binaries(sample: Sample) -> tuple[Binary, ...]:
    """The programs of a file. Raw bytes come with their address, mode and entry, as a user gives them."""
    if sample.base is None:
        return formats.read(sample.data, sample.name)
    entry = Entry(sample.base if sample.entry is None else sample.entry, sample.mode, Origin.PROTOCOL)
    section = Section(
        "raw", sample.base, memoryview(sample.data), len(sample.data), True, True, sample.mode, 0
    )
    return (Binary("", "raw", sample.mode, Privilege.UNKNOWN, (section,), (entry,)),)


def flows(sample: Sample) -> Iterator[tuple[Binary, Flow]]:
    """Every program of a file, followed."""
    for binary in binaries(sample):
        yield binary, follow(binary, Budget(everything=True))


def claims(sample: Sample) -> tuple[list[frozenset[tuple[int, int]]], list[Offsets]]:
    """Sites with their modes by step, and instruction starts by step."""
    sites: list[set[tuple[int, int]]] = [set() for _ in _STEPS]
    starts: list[set[int]] = [set(), set()]
    for binary, flow in flows(sample):
        for site in flow.sites:
            offset = file_offset(binary, site.address)
            for step, tiers in enumerate(_STEPS):
                if offset is not None and site.tier in tiers:
                    sites[step].add((offset, site.mode))
        confirmed = set(_starts(binary, flow.lengths))
        starts[0] |= confirmed
        starts[1] |= confirmed | set(_starts(binary, flow.likely))
    return [frozenset(step) for step in sites], [frozenset(step) for step in starts]


def file_offset(binary: Binary, address: int) -> int | None:
    """Where in the file an address lies."""
    section = binary.section_at(address)
    if section is None or section.file_offset is None:
        return None
    return address - section.address + section.file_offset


def _starts(binary: Binary, lengths: dict[tuple[int, int], bytearray]) -> Iterable[int]:
    for (index, _), marks in lengths.items():
        base = binary.sections[index].file_offset
        if base is not None:
            yield from (base + offset for offset, length in enumerate(marks) if length)
