# SPDX-License-Identifier: GPL-2.0-or-later
"""Patches laid down ahead of time: the pages of a program, scanned as the machine would when it arrives there.

A page is put together as a loader would put it into memory, from the sections that share it. Where the program is
in memory does not matter, only that its pages begin where they do in memory; code that is rewritten or relocated
before it runs makes other pages, which the machine then scans itself.
"""

from collections.abc import Iterator
from typing import Final

from patcher.auditing.auditor import mapped, programs
from patcher.auditing.code_map import CodeMap
from patcher.auditing.findings import Findings
from patcher.auditing.model import Finding
from patcher.auditing.options import AuditOptions
from patcher.binary.model import Binary
from patcher.follow.model import Flow
from patcher.patch_map import Listed, PatchMap
from patcher.scan import PAGE, PageScan
from patcher.tactic import Closing, closer

CLOSINGS: Final = {0: (Closing.KERNEL, Closing.ALL), 3: (Closing.USER, Closing.CHECKED, Closing.ALL)}
"""What a machine closes in code that runs in ring 0 and in ring 3."""

Starts = dict[tuple[int, int], list[int]]
"""(page number, code size) → sorted offsets in the page at which a followed instruction starts."""


def lay(into: PatchMap, binary: Binary, flow: Flow, ring: int) -> None:
    """Add a record for every page of `binary` with 16- or 32-bit code in it."""
    for (number, bits), offsets in starts_of(binary, flow).items():
        content = page_of(binary, number)
        for closing in CLOSINGS[ring]:
            into.learn(_scanned(content, bits, closing, offsets), closing)


def starts_of(binary: Binary, flow: Flow) -> Starts:
    """Where instructions start, by page. 64-bit code is left out: no machine here runs it."""
    starts: Starts = {}
    for table in (flow.lengths, flow.likely):
        for (index, bits), lengths in table.items():
            if bits != 64:
                base = binary.sections[index].address
                for offset in _set(lengths):
                    starts.setdefault(((base + offset) // PAGE, bits), []).append((base + offset) % PAGE)
    return {key: sorted(offsets) for key, offsets in starts.items()}


def _set(lengths: bytearray) -> Iterator[int]:
    return (offset for offset, length in enumerate(lengths) if length)


def page_of(binary: Binary, number: int) -> bytes:
    """The page's bytes in memory; what no section holds is zero."""
    page, start = bytearray(PAGE), number * PAGE
    for section in binary.sections:
        first, last = max(start, section.address), min(start + PAGE, section.address + len(section.data))
        if first < last:
            page[first - start : last - start] = section.data[
                first - section.address : last - section.address
            ]
    return bytes(page)


def _scanned(content: bytes, bits: int, closing: Closing, offsets: list[int]) -> PageScan:
    scan = PageScan(content, memoryview(bytearray(content)), bits, closer(closing))
    scan.pin()
    for offset in offsets:
        if not scan.lengths[offset]:
            scan.discover(offset)
    return scan


def map_of(data: bytes, name: str, options: AuditOptions) -> PatchMap:
    """The patch map of a file: records for all its programs, and the list of their sites.

    Raises `PatcherError` when the file is in no known format or damaged.
    """
    into, sites = PatchMap(), list[Listed]()
    for code in _followed(data, name, options):
        lay(into, code.binary, code.flow, options.ring_of(code.binary.privilege))
        sites += _sites(code, options)
    return PatchMap(into.pages, tuple(sorted(sites)))


def sites_of(data: bytes, name: str, options: AuditOptions) -> tuple[Listed, ...]:
    """The sites of a file's programs; raises as `map_of` does."""
    return tuple(sorted(site for code in _followed(data, name, options) for site in _sites(code, options)))


def _followed(data: bytes, name: str, options: AuditOptions) -> Iterator[CodeMap]:
    return (mapped(binary, options) for binary in programs(data, name, options))


def _sites(code: CodeMap, options: AuditOptions) -> Iterator[Listed]:
    return (_listed(code.binary.name, one) for one in Findings(code, options).all())


def _listed(program: str, one: Finding) -> Listed:
    tactic = "none" if one.tactic is None else one.tactic.value
    return Listed(
        program, one.section, one.function, one.function_offset, one.rule, tactic, one.address, one.mode, one.raw
    )
