# SPDX-License-Identifier: GPL-2.0-or-later
"""From a site to a finding: where it is, what it is, what goes wrong, how it is closed and what it is for."""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Final

from patcher.auditing.closing import Closer
from patcher.auditing.code_map import CodeMap
from patcher.auditing.model import Finding, Kind, Tier
from patcher.auditing.options import SURE, AuditOptions
from patcher.auditing.purpose import purpose
from patcher.auditing.relevance import World, relevance, world_of
from patcher.auditing.rows import audited, rule_of
from patcher.auditing.verdict import Hole
from patcher.binary.model import Section
from patcher.catalogue import SensitiveInsn, classify
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
    closer: Closer = field(init=False)
    holes: dict[int, list[Hole]] = field(default_factory=lambda: {0: [], 3: []})

    def __post_init__(self) -> None:
        self.closer = Closer(self.code)

    def all(self) -> Iterator[Finding]:
        """Every finding in the tiers that are wanted, by address."""
        for site in self.code.flow.sites:
            found = self._look(site)
            if found is None:
                continue
            self._note_holes(site, *found)
            if site.tier in self.options.tiers:
                finding = self._finding(site, *found)
                if finding is not None:
                    yield finding

    def _look(self, site: Site) -> tuple[Insn, SensitiveInsn, Section] | None:
        """The instruction at a site and its row; None when an audit does not report it."""
        insn, section = self.code.insn(site.address, site.mode), self.code.binary.section_at(site.address)
        row = None if insn is None else classify(insn)
        if insn is None or section is None or row is None or not audited(row):
            return None
        return insn, row, section

    def _note_holes(self, site: Site, insn: Insn, row: SensitiveInsn, section: Section) -> None:
        if site.tier not in (Tier.CONFIRMED, Tier.LIKELY) or not row.is_hole:
            return
        closable, copied = self._lasting(site.address, site.address + insn.length)
        for ring, holes in self.holes.items():
            found = relevance(row, insn, self._world(site, ring))
            if found.matters and found.kind is Kind.HOLE:
                holes.append(Hole(site.address, site.tier, closable, copied))

    def _lasting(self, start: int, end: int) -> tuple[bool, bool]:
        """Would a patch last? And does the program copy these bytes over other code?"""
        lasting = self.closer.lasting
        return not lasting.obstacle(start, end), lasting.copied(start, end) is not None

    def _world(self, site: Site, ring: int) -> World:
        protected = site.mode == 16 and self._behind_switch(site)
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

    def _finding(self, site: Site, insn: Insn, row: SensitiveInsn, section: Section) -> Finding | None:
        text = text_of(insn, site.address)
        if text.startswith(".byte") and site.tier is not Tier.CONFIRMED:
            return None  # Capstone sees no such instruction, and no path says that there is one
        world = self._world(site, self.options.ring_of(self.code.binary.privilege))
        judged = relevance(row, insn, world)
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
            purpose=self._purpose(site, insn, row, world),
            rewritten=self.closer.lasting.table(site.address, site.address + insn.length),
            origin=site.origin,
        )

    def _purpose(self, site: Site, insn: Insn, row: SensitiveInsn, world: World) -> str:
        """What a site is for; bytes that no path reaches are for nothing."""
        if not self.options.purposes or site.tier not in SURE:
            return ""
        return purpose(self.code, site, insn, row, world.ring)


@cache
def _decoder() -> Callable[..., list[tuple[int, bytes, str]]]:
    from patcher.decoder import instructions  # loads Capstone, at the first finding

    return instructions


def text_of(insn: Insn, address: int) -> str:
    """An instruction as people write it."""
    return _decoder()(insn.raw, address, insn.bits)[0][2]
