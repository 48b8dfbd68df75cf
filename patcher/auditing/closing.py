# SPDX-License-Identifier: GPL-2.0-or-later
"""Which tactic closes a site, and why there is no better one.

A trap is one byte, so it always fits; it would spoil only another instruction that has this byte inside. A stub needs
a template (`patcher.stub`) and room for a jump. In overlapping code the trap takes turns with what it would spoil:
no block is translated before the monitor has shown it its own bytes. What is said here is true: `patcher.auditing.
applying` and `turns` do it.
"""

from bisect import bisect_left
from dataclasses import dataclass
from typing import Final

from patcher.auditing.code_map import CodeMap
from patcher.auditing.lasting import Lasting
from patcher.auditing.model import Kind, Tier
from patcher.auditing.relevance import Relevance, World, relevance
from patcher.auditing.rows import audited
from patcher.auditing.targets import Targets
from patcher.binary.model import Section
from patcher.catalogue import SensitiveInsn, classify
from patcher.follow.model import ProblemKind
from patcher.patch import Tactic
from patcher.stub import JUMP, covered, effect_in_stub
from patcher.x86.decode import MAX_LENGTH
from patcher.x86.insn import Insn

_HARDWARE: Final = {
    **dict.fromkeys(("sgdt", "sidt", "sldt", "str", "smsw"), "CR4.UMIP would make it trap without a patch"),
    **dict.fromkeys(("rdtsc", "rdtscp"), "CR4.TSD would make it trap without a patch"),
    "rdpmc": "without CR4.PCE it traps without a patch",
    "xgetbv": "without CR4.OSXSAVE it is #UD, without a patch",
    **dict.fromkeys(
        ("rdfsbase", "rdgsbase", "wrfsbase", "wrgsbase"), "without CR4.FSGSBASE it is #UD, without a patch"
    ),
}
_NO_TEMPLATE: Final = "no stub does its work"


@dataclass(frozen=True, slots=True)
class Choice:
    """A tactic, the reason why there is no better one, and the bytes `[site, site + size)` that it replaces."""

    tactic: Tactic | None
    reason: str
    size: int = 0


class Closer:
    """Chooses tactics in one binary."""

    def __init__(self, code: CodeMap) -> None:
        self._code = code
        self._targets = Targets(code)
        self.lasting = Lasting(code.binary)
        self._bad_ends = tuple(p.address for p in code.flow.problems if p.kind is ProblemKind.BAD_PATH)

    def choose(
        self, address: int, insn: Insn, tier: Tier, effect: str, world: World, judged: Relevance
    ) -> Choice:
        """How the site at `address` is closed."""
        if not judged.matters:
            return Choice(None, "There is nothing to close.")
        if judged.kind is Kind.PRIVILEGED:
            return Choice(None, "It traps by itself, so no patch is needed.")
        if tier is Tier.POSSIBLE:
            return Choice(
                Tactic.TRAP, "Nothing says that this is code: only where execution arrives it is patched.", 1
            )
        obstacle = self.lasting.obstacle(address, address + insn.length)
        if obstacle:
            return Choice(None, obstacle)
        shared = self.shared(address, insn.bits)
        if shared or tier is Tier.OVERLAPPING:
            return Choice(
                Tactic.TURNS, f"Its first byte belongs to {shared or 'another instruction'} as well."
            )
        return self._trap_or_stub(address, insn, effect, world)

    def shared(self, address: int, mode: int) -> str:
        """What other instruction a trap at an address would spoil; "" for none."""
        for start, bits, _ in self._code.covering(address, mode):
            return f"the {bits}-bit instruction at {start:#x}"
        return ""

    def _trap_or_stub(self, address: int, insn: Insn, effect: str, world: World) -> Choice:
        room = self.room(address, insn, world)
        if isinstance(room, str):
            hardware = _HARDWARE.get(effect)
            return Choice(Tactic.TRAP, f"{_sentence(room)}{f'; {hardware}' if hardware else ''}.", 1)
        return Choice(Tactic.STUB, "No tactic is faster.", sum(neighbour.length for neighbour in room))

    def room(self, address: int, insn: Insn, world: World) -> list[Insn] | str:
        """The instructions that a jump to a stub would cover, or why there can be none."""
        reason = _no_stub(insn, world)
        if reason:
            return reason
        section = self._code.binary.section_at(address)
        assert section is not None, f"a site at {address:#x} lies in no section"
        insns = covered(insn, lambda distance: self._known(address + distance, insn.bits, section))
        if isinstance(insns, str):
            return insns
        return self._spoilt(address, insns, section) or insns

    def _known(self, address: int, mode: int, section: Section) -> Insn | None:
        place = self._code.at(address, mode) if address < section.end else None
        return None if place is None else place.insn

    def _spoilt(self, start: int, insns: list[Insn], section: Section) -> str:
        """Why the bytes of `insns`, or as many as a jump has, cannot give way to a jump; "" when they can."""
        mode, moved, at = insns[0].bits, set(), start
        for insn in insns:
            moved.add((at, mode))
            at += insn.length
        end = max(at, start + JUMP)
        if end - section.address > len(section.data):
            return "the section ends too soon for a jump"
        hole = next((row for row in map(_other_hole, insns[1:]) if row is not None), None)
        if hole is not None:
            return f"a jump would cover the {hole.name} that follows"
        if self.lasting.obstacle(start, end):
            return "the program itself rewrites a neighbour that a jump would cover"
        if _first_within(self._code.binary.fields, start, end) is not None:
            return "a relocation fills in bytes that a jump would cover"
        if _first_within(self._bad_ends, start - MAX_LENGTH, end) is not None:
            return "a path ends in what is no instruction, and might go on in the bytes of a jump"
        for byte in range(start, end):
            for other, bits, _ in self._code.covering(byte, 0):
                if (other, bits) not in moved:
                    return f"a jump would cover a part of the instruction at {other:#x}, which runs otherwise too"
        return self._targets.inside(start, end, mode)


def _no_stub(insn: Insn, world: World) -> str:
    """Why there is no stub for an instruction, as a clause; "" when there is one."""
    if effect_in_stub(insn) is None:
        return _NO_TEMPLATE
    return "" if world is World.KERNEL else "the stubs are for ring 0"


def _other_hole(insn: Insn) -> SensitiveInsn | None:
    """The row by which an instruction is a hole that a stub would only carry elsewhere; stubs are for ring 0."""
    row = classify(insn)
    if row is None or not row.is_hole or not audited(row) or effect_in_stub(insn) is not None:
        return None
    return row if relevance(row, insn, World.KERNEL).matters else None


def _sentence(clause: str) -> str:
    return clause[:1].upper() + clause[1:]


def _first_within(places: tuple[int, ...], start: int, end: int) -> int | None:
    """The first of the sorted `places` in `[start, end)`."""
    index = bisect_left(places, start)
    return places[index] if index < len(places) and places[index] < end else None
