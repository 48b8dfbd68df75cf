# SPDX-License-Identifier: GPL-2.0-or-later
"""What a caller chooses about an audit: where code runs, what is reported, and what one file may cost."""

from dataclasses import dataclass
from typing import Final

from patcher.auditing.model import Tier
from patcher.binary.model import Privilege

SURE: Final = frozenset({Tier.CONFIRMED, Tier.LIKELY})
"""The tiers that are reported unless more are asked for."""

LEAST_SECONDS: Final = 120.0
SECONDS_PER_MB: Final = 4.0
"""What a file may take unless a limit is given; some eight times as much as following a program takes."""

COUNTED: Final = SURE | {Tier.OVERLAPPING}
"""The tiers that may decide an exit status."""


@dataclass(frozen=True, slots=True)
class Raw:
    """How bytes in no format are read: `bits` wide code that lies at `base` and starts at `entry` (None: at `base`)."""

    bits: int
    base: int = 0
    entry: int | None = None


@dataclass(frozen=True, slots=True)
class AuditOptions:
    """The choices of one audit.

    `raw`: read every file as raw bytes. `cpl`: the ring that all code runs in (None: as each binary says; what
    says nothing runs in ring 0). `iopl`: that of user code. `tiers`: what is reported. `max_seconds` (None: as the
    file's size asks, `seconds_for`; `math.inf`: no limit) and `max_memory` (bytes) are for each file. `around`: so
    many instructions before and after each finding that is sure are kept with it. `purposes`: look for what a site
    is for. `hard_limits`: end what asks for no deadline with SIGALRM and RLIMIT_AS; for processes of our own.
    """

    raw: Raw | None = None
    cpl: int | None = None
    iopl: int = 0
    tiers: frozenset[Tier] = SURE
    max_seconds: float | None = None
    max_memory: int | None = 2 << 30
    around: int = 0
    purposes: bool = True
    hard_limits: bool = False

    @property
    def everything(self) -> bool:
        """Are tiers wanted that no path leads to?"""
        return not self.tiers <= SURE

    def seconds_for(self, size: int) -> float:
        """The limit of time for a file of `size` bytes."""
        if self.max_seconds is not None:
            return self.max_seconds
        return max(LEAST_SECONDS, SECONDS_PER_MB * size / 1e6)

    def ring_of(self, privilege: Privilege) -> int:
        """The ring that a binary's code runs in."""
        if self.cpl is not None:
            return self.cpl
        return 3 if privilege is Privilege.USER else 0
