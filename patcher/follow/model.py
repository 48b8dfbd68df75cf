# SPDX-License-Identifier: GPL-2.0-or-later
"""What following a binary gives: sites, how every byte was understood, and what could not be settled."""

from dataclasses import dataclass, field
from enum import Enum

from patcher.auditing.model import Coverage, Tier
from patcher.binary.model import Origin
from patcher.deadline import NEVER, Deadline

__all__ = ["Budget", "Flow", "JumpTable", "Problem", "ProblemKind", "Site"]


@dataclass(frozen=True, slots=True)
class Budget:
    """What following one binary may cost, and how far it looks.

    `instructions` (None: no limit) and `deadline` limit the work; reaching one is a problem of kind BUDGET, and
    what was found until then is kept. `everything` asks for the tiers POSSIBLE and OVERLAPPING too, which
    are large.
    """

    instructions: int | None = None
    deadline: Deadline = NEVER
    everything: bool = False


@dataclass(frozen=True, slots=True)
class Site:
    """A sensitive instruction. `origin` is that of the first entry that leads to it, None below CONFIRMED. `narrow`: it
    lies in a 16-bit segment of protected mode."""

    address: int
    mode: int
    length: int
    tier: Tier
    origin: Origin | None = None
    narrow: bool = False


class ProblemKind(Enum):
    """Why something is not proved."""

    UNRESOLVED_JUMP = "unresolved jump"  # where an indirect jump goes is not known
    BAD_PATH = "bad path"  # a followed path ends in what is no instruction, and nothing weak is to blame
    UNKNOWN_MODE = "unknown mode"  # a far transfer whose code size is not known
    OVERLAP = "overlap"  # two followed instructions share bytes
    OUTSIDE = "outside"  # a path leaves what the file holds
    BUDGET = "budget"  # the limit was reached before the end


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that was not settled, at an instruction; `sentence` names it for people."""

    address: int
    mode: int
    kind: ProblemKind = field(compare=False)
    sentence: str = field(compare=False)


@dataclass(frozen=True, slots=True, order=True)
class JumpTable:
    """A table `[address, end)` whose entries the jump at `jump` goes to."""

    address: int
    end: int
    jump: int


@dataclass(frozen=True, slots=True)
class Flow:
    """All that following found out.

    `sites` are sorted by address. `lengths[(index of the section, mode)]` has a byte for each byte that the section's
    data covers: the length of the followed instruction that starts there, else 0. `likely` is the same for
    code that no confirmed path reaches. `padding`, and `gaps` (neither followed nor likely code, table nor padding),
    are sorted address ranges `[start, end)` in executable sections. `dropped` are the sorted addresses and modes to
    which a followed instruction leads by a step that is taken for never made, for it leads to what is no code.
    """

    sites: tuple[Site, ...]
    lengths: dict[tuple[int, int], bytearray]
    likely: dict[tuple[int, int], bytearray]
    padding: tuple[tuple[int, int], ...]
    gaps: tuple[tuple[int, int], ...]
    jump_tables: tuple[JumpTable, ...]
    problems: tuple[Problem, ...]
    coverage: Coverage
    dropped: tuple[tuple[int, int], ...] = ()
