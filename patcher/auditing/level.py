# SPDX-License-Identifier: GPL-2.0-or-later
"""`--fail-on`: the findings that make an audit's exit status 1."""

from dataclasses import dataclass
from enum import Enum

from patcher.auditing.model import AuditReport, Finding, Kind, Status, Tier
from patcher.auditing.options import COUNTED
from patcher.errors import PatcherError


class What(Enum):
    """Which findings count."""

    HOLE = "hole"  # holes that matter where they run
    UNPROVED = "unproved"  # those, and programs that are not provably virtualizable
    PRIVILEGED = "privileged"  # those, and what traps by itself where that matters
    ANY = "any"  # everything, whether it matters or not
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Level:
    """`what` in one of `tiers`; possible ones never count. `named`: the tiers were asked for, so they are reported."""

    what: What = What.HOLE
    tiers: frozenset[Tier] = frozenset({Tier.CONFIRMED, Tier.LIKELY})
    named: bool = False

    def reached_by(self, report: AuditReport) -> bool:
        """Does anything in a report count?"""
        programs = (program for file in report.files for program in file.binaries)
        return any(
            (self.what is What.UNPROVED and program.verdict.status is Status.NOT_PROVABLY)
            or any(map(self.reaches, program.findings))
            for program in programs
        )

    def reaches(self, finding: Finding) -> bool:
        """Does a finding count?"""
        if finding.tier not in self.tiers or self.what is What.NOTHING:
            return False
        if self.what is What.ANY:
            return True
        return finding.matters and (self.what is What.PRIVILEGED or finding.kind is Kind.HOLE)


def parse_level(text: str) -> Level:
    """A level by its name, and after a colon tiers joined by +: `hole:confirmed`, `any:likely`."""
    word, _, tiers = text.partition(":")
    try:
        what = What(word)
    except ValueError:
        known = ", ".join(one.value for one in What)
        raise PatcherError(f"{word!r} is nothing to fail on; there is {known}.") from None
    return Level(what, parse_tiers(tiers), named=True) if tiers else Level(what)


def parse_tiers(text: str) -> frozenset[Tier]:
    """Tiers that may decide an exit status, joined by +."""
    found = set()
    for word in text.split("+"):
        tier = next((tier for tier in COUNTED if tier.value == word), None)
        if tier is None:
            known = ", ".join(sorted(tier.value for tier in COUNTED))
            raise PatcherError(f"{word!r} is no tier to fail on; there is {known}.")
        found.add(tier)
    return frozenset(found)
