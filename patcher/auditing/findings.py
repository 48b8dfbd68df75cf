# SPDX-License-Identifier: GPL-2.0-or-later
"""From a site to a finding: where it is, what it is, what goes wrong, how it is closed and what it is for."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Final

from patcher.auditing.closing import Closer
from patcher.auditing.code_map import CodeMap
from patcher.auditing.encodings import Encoding, Encodings
from patcher.auditing.model import Finding, Kind, Tier
from patcher.auditing.options import SURE, AuditOptions
from patcher.auditing.purpose import purpose
from patcher.auditing.relevance import World, world_of
from patcher.auditing.rows import rule_of
from patcher.auditing.verdict import Hole
from patcher.binary.model import Section
from patcher.catalogue import classify
from patcher.deadline import NEVER, Deadline
from patcher.follow.model import Site
from patcher.x86.decode import MAX_LENGTH
from patcher.x86.insn import Insn

_NEAR_SWITCH: Final = 12  # instructions behind a write of CR0 in which a far jump is looked for
slug = cache(rule_of)


@dataclass
class Findings:
    """Makes the findings of one binary; `holes[ring]` collects what must be closed if its code ran in that ring."""

    code: CodeMap
    options: AuditOptions
    deadline: Deadline = NEVER
    left_out: Counter[Tier] = field(default_factory=Counter)
    closer: Closer = field(init=False)
    holes: dict[int, list[Hole]] = field(default_factory=lambda: {0: [], 3: []})
    encodings: Encodings = field(default_factory=Encodings)

    def __post_init__(self) -> None:
        self.closer = Closer(self.code)

    def all(self) -> Iterator[Finding]:
        """Every finding in the tiers that are wanted, by address; `left_out` counts the sites for which time lacked,
        the least sure of them."""
        made = list[Finding]()
        for site in sorted(self.code.flow.sites, key=_is_unsure):
            if self.deadline.overdue():
                self.left_out[site.tier] += 1
                continue
            finding = self._judged(site)
            if finding is not None:
                made.append(finding)
        return iter(sorted(made, key=_place))

    def notes(self) -> Iterator[str]:
        """What is missing, as sentences."""
        count = self.left_out.total()
        if count:
            yield f"The limit for one file was reached: {count} of the sites that were found are left out."

    def _judged(self, site: Site) -> Finding | None:
        """The finding at a site; None when an audit does not report it, or its tier is not wanted."""
        section = self.code.section_at(site.address)
        if section is None:
            return None
        offset = site.address - section.address
        encoding = self.encodings.of(bytes(section.data[offset : offset + site.length]), site.mode)
        if encoding is None:
            return None
        self._note_holes(site, encoding)
        return self._finding(site, encoding, section) if site.tier in self.options.tiers else None

    def _note_holes(self, site: Site, encoding: Encoding) -> None:
        if site.tier not in SURE or not encoding.row.is_hole:
            return
        closable, copied = self._lasting(site.address, site.address + site.length)
        for ring, holes in self.holes.items():
            found = encoding.judged(self._world(site, ring))
            if found.matters and found.kind is Kind.HOLE:
                holes.append(Hole(site.address, site.tier, closable, copied))

    def _lasting(self, start: int, end: int) -> tuple[bool, bool]:
        """Would a patch last? And does the program copy these bytes over other code?"""
        lasting = self.closer.lasting
        return not lasting.obstacle(start, end), lasting.copied(start, end) is not None

    def _world(self, site: Site, ring: int) -> World:
        protected = site.mode == 16 and (site.narrow or self._behind_switch(site))
        return world_of(ring, self.options.iopl, site.mode, protected)

    def _behind_switch(self, site: Site) -> bool:
        """Does 16-bit code run just behind a change of CR0.PE, where it is protected mode already?"""
        index = bisect_left(self._switches, site.address - _NEAR_SWITCH * MAX_LENGTH)
        if index == len(self._switches) or self._switches[index] >= site.address:
            return False
        before = self.code.before(site.address, site.mode, _NEAR_SWITCH)
        return not {place.address for place in before}.isdisjoint(self._switches)

    @cached_property
    def _switches(self) -> list[int]:
        """The sorted addresses of 16-bit writes of CR0."""
        sites = (site for site in self.code.flow.sites if site.mode == 16)
        return [site.address for site in sites if self._is_switch(self.code.insn(site.address, 16))]

    @staticmethod
    def _is_switch(insn: Insn | None) -> bool:
        row = None if insn is None else classify(insn)
        return row is not None and row.effect in ("mov cr,r", "lmsw")

    def _finding(self, site: Site, encoding: Encoding, section: Section) -> Finding | None:
        insn, row, text = encoding.insn, encoding.row, encoding.text(site.address)
        if text.startswith(".byte") and site.tier is not Tier.CONFIRMED:
            return None  # Capstone sees no such instruction, and no path says that there is one
        world = self._world(site, self.options.ring_of(self.code.binary.privilege))
        judged = encoding.judged(world)
        choice = self.closer.choose(site.address, insn, site.tier, row.effect, world, judged)
        name, start = self.code.function_at(site.address) or ("", section.address)
        distance = site.address - section.address
        return Finding(
            address=site.address,
            file_offset=None if section.file_offset is None else section.file_offset + distance,
            section=section.name,
            function=name,
            function_offset=site.address - start,
            mode=site.mode,
            raw=insn.raw,
            text=text,
            rule=slug(row),
            row=row.name,
            kind=judged.kind,
            tier=site.tier,
            ring=world.ring,
            matters=judged.matters,
            why=judged.why,
            tactic=choice.tactic,
            tactic_reason=choice.reason,
            purpose=self._purpose(site, encoding, world),
            rewritten=self.closer.lasting.table(site.address, site.address + site.length),
            origin=site.origin,
        )

    def _purpose(self, site: Site, encoding: Encoding, world: World) -> str:
        """What a site is for; bytes that no path reaches are for nothing."""
        if not self.options.purposes or site.tier not in SURE:
            return ""
        return purpose(self.code, site, encoding.insn, encoding.row, world.ring)


def _is_unsure(site: Site) -> bool:
    return site.tier not in SURE


def _place(finding: Finding) -> tuple[int, int]:
    return finding.address, finding.mode
