# SPDX-License-Identifier: GPL-2.0-or-later
"""The verdict on one program: Popek and Goldberg's condition, and what stands in the way of proving it.

Every sensitive instruction should be privileged ("Formal requirements for virtualizable third generation
architectures", CACM 17(7), 1974). What counts as proved is a rule, stated in docs/audit.md: direct flow was followed,
tables of jumps were read, and other indirect transfers go to places whose address the program takes, all of
which were followed. A jump that nothing explains may go to any instruction that is not accounted for; it spoils the
proof when a hole could be decoded there.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from patcher.auditing.code_map import CodeMap
from patcher.auditing.model import Status, Tier, Verdict
from patcher.auditing.unaccounted import holes_behind_dropped, holes_in_gaps
from patcher.binary.model import Privilege, Rewritten
from patcher.deadline import NEVER, Deadline
from patcher.follow.model import ProblemKind
from patcher.follow.rewrites import Rewrites

_SETTLED: Final = {
    ProblemKind.BAD_PATH: "{n} followed path{s} in what is no instruction, {at}.",
    ProblemKind.UNKNOWN_MODE: "{n} far transfer{s} to code whose size is not known, {at}.",
    ProblemKind.OVERLAP: "{n} instruction{s} others on a followed path, {at}.",
    ProblemKind.OUTSIDE: "{n} path{s} what the file holds, {at}.",
    ProblemKind.BUDGET: "The limit for one file was reached before all was followed.",
}
ALTERNATIVES: Final = ".altinstructions"
PARAVIRT: Final = ".parainstructions"
_ONLY_CALLS: Final = {32: (5, 10), 64: (5, 13)}
"""By code size: from this Linux on `.parainstructions` get nothing sensitive (arch/x86/kernel/paravirt.c): calls of the
kernel's own functions and no-ops, in 5.10 to 5.12 also jumps to them and what releases a lock. Before, and in 64-bit
code up to 5.12, the kernel wrote what its functions do, with holes in it: pushf, popf."""
_HARMLESS_TABLES: Final = frozenset({
    "__mcount_loc", "__jump_table", ".smp_locks", ".static_call_sites", ".static_call_tramp_key", ".retpoline_sites",
    ".return_sites", ".call_sites", ".ibt_endbr_seal",
})  # fmt: skip
"""Tables by which Linux writes only calls, jumps, no-ops and prefixes, none of them sensitive (arch/x86/kernel/
alternative.c, ftrace.c, jump_label.c, static_call.c); the int3 that it lays down meanwhile traps by itself."""
_VERBS: Final = {
    ProblemKind.BAD_PATH: (" ends", "s end"),
    ProblemKind.UNKNOWN_MODE: (" goes", "s go"),
    ProblemKind.OVERLAP: (" overlaps", "s overlap"),
    ProblemKind.OUTSIDE: (" leaves", "s leave"),
    ProblemKind.BUDGET: ("", ""),
}


@dataclass(frozen=True, slots=True)
class Hole:
    """A site that must be closed in some world, and whether it can be."""

    address: int
    tier: Tier
    closable: bool
    copied: bool = False
    """Does it run elsewhere, where the program copies it?"""


class Judge:
    """Gives the verdicts on one program, for every ring in which its code may run.

    `judged`: it was time enough to look at each site that was followed.
    """

    def __init__(self, code: CodeMap, iopl: int, deadline: Deadline = NEVER, judged: bool = True) -> None:
        self._code, self._iopl, self._deadline, self._judged = code, iopl, deadline, judged

    def verdict(self, holes: Sequence[Hole], ring: int) -> Verdict:
        """The verdict for code that runs in `ring`, from its holes on followed and likely code."""
        reasons = tuple(self._reasons(holes, ring))
        sites = sum(hole.tier is not Tier.POSSIBLE for hole in holes)
        if reasons:
            return Verdict(Status.NOT_PROVABLY, sites, reasons)
        return Verdict(Status.AFTER_PATCHING if sites else Status.AS_IS, sites)

    def _reasons(self, holes: Iterable[Hole], ring: int) -> Iterator[str]:
        left = Counter(hole.copied for hole in holes if not hole.closable)
        if left[False]:
            yield f"{_count(left[False], 'hole lies', 'holes lie')} in code that the program itself rewrites."
        if left[True]:
            lie = _count(left[True], "hole lies", "holes lie")
            yield f"{lie} in what the program copies over its code, which must be scanned again when that is done."
        if not self._judged:
            yield "The limit for one file was reached before all that was found was judged."
        yield from _problems(self._code)
        yield from self._unresolved(ring)
        yield from self._dropped(ring)
        yield from _unseen(self._code)

    def _unresolved(self, ring: int) -> Iterator[str]:
        """The jumps that may go to a hole. When the limit left code out, that is reason enough."""
        problems = self._code.flow.problems
        jumps = [p.address for p in problems if p.kind is ProblemKind.UNRESOLVED_JUMP]
        if not jumps or any(p.kind is ProblemKind.BUDGET for p in problems):
            return
        where = (
            f"{_count(len(jumps), 'jump goes', 'jumps go')} where nothing tells, {_first(min(jumps), len(jumps))}, and "
        )
        hole = next(holes_in_gaps(self._code, ring, self._iopl, self._deadline), None)
        if self._deadline.overdue():
            yield (
                where
                + "the limit for one file was reached before the bytes that no path reaches were searched."
            )
        elif hole is not None:
            yield where + f"a hole could be decoded in bytes that no path reaches, first at {hole:#x}."


    def _dropped(self, ring: int) -> Iterator[str]:
        """The steps that are taken for never made, when a hole would run if they were."""
        hole = next(holes_behind_dropped(self._code, ring, self._iopl, self._deadline), None)
        if hole is not None:
            yield f"A step that is taken for never made leads to a hole at {hole:#x}."


def _problems(code: CodeMap) -> Iterator[str]:
    counts = Counter(problem.kind for problem in code.flow.problems)
    for kind, sentence in _SETTLED.items():
        if counts[kind]:
            first = min(problem.address for problem in code.flow.problems if problem.kind is kind)
            at = _first(first, counts[kind])
            yield sentence.format(n=counts[kind], s=_VERBS[kind][counts[kind] > 1], at=at)


def is_known(one: Rewritten, code: CodeMap, places: frozenset[Rewritten]) -> bool:
    """Is the code that a place becomes known, so that the audit of the file is one of it, too?

    What is copied from the file is known when it was followed, and no instruction in it goes on behind its end; what
    the kernel makes up is known by its table. `places` are those that following could follow.
    """
    if (one.size or one.leads) and one not in places:
        return False
    if one.table == PARAVIRT:
        return code.binary.release >= _ONLY_CALLS[code.binary.mode]
    if one.table != ALTERNATIVES or not one.size:
        return one.table in _HARMLESS_TABLES or one.table == ALTERNATIVES
    end, mode = one.source + one.size, code.binary.mode
    return code.at(one.source, mode) is not None and not any(code.covering(end, mode))


def _unseen(code: CodeMap) -> Iterator[str]:
    """What an audit of a file cannot see: code that is written when it runs, and a start that is not known.

    Whether a section can be written says something of user code only: it is the kernel who keeps the promise.
    """
    for section in code.binary.sections:
        if section.executable and section.writable and code.binary.privilege is Privilege.USER:
            yield f"{section.name or 'A section'} at {section.address:#x} holds code and can be written."
    places = frozenset(Rewrites(code.binary).places)
    tables = Counter(one.table for one in code.binary.rewritten if not is_known(one, code, places))
    if tables:
        listed = ", ".join(f"{table} {count}" for table, count in sorted(tables.items()))
        yield f"The program rewrites {_count(tables.total(), 'place', 'places')} of its own code ({listed})."
    for table in code.binary.unread:
        yield f"The program rewrites its own code by {table}, which is in no known form."
    if not code.binary.entries and any(section.executable for section in code.binary.sections):
        yield "No entry into its code is known."


def _first(address: int, number: int) -> str:
    return f"{'at' if number == 1 else 'first at'} {address:#x}"


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
