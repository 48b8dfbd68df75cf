# SPDX-License-Identifier: GPL-2.0-or-later
"""Small programs for tests of following: assembly text, followed from the label `start`."""

import re
from dataclasses import dataclass

from patcher.assembler import assemble
from patcher.auditing.model import Tier
from patcher.binary.model import Binary, Entry, Function, Origin, Privilege, Rewritten, Section, Symbol
from patcher.follow import Budget, Flow, ProblemKind, follow
from patcher.x86.address import Gva

BASE = 0x401000
_LABEL = re.compile(r"^\s*(\w+):", re.M)


@dataclass(frozen=True, slots=True)
class Followed:
    """What following found, and where the program's labels lie."""

    flow: Flow
    labels: dict[str, int]
    base: int

    def reached(self, mode: int | None = None) -> set[str]:
        """Labels at which a confirmed instruction starts, in a mode or in any."""
        return self._at(self.flow.lengths, mode)

    def likely(self) -> set[str]:
        """Labels at which likely code starts."""
        return self._at(self.flow.likely, None)

    def _at(self, lengths: dict[tuple[int, int], bytearray], mode: int | None) -> set[str]:
        found = [marks for (_, bits), marks in lengths.items() if mode in (None, bits)]
        return {
            name
            for name, address in self.labels.items()
            if any(address - self.base < len(marks) and marks[address - self.base] for marks in found)
        }

    def sites(self, tier: Tier = Tier.CONFIRMED) -> set[int]:
        """Addresses of the sites of a tier."""
        return {site.address for site in self.flow.sites if site.tier is tier}

    def problems(self) -> set[ProblemKind]:
        return {problem.kind for problem in self.flow.problems}


def program(text: str, bits: int = 32, base: int = BASE) -> tuple[bytes, dict[str, int]]:
    """Assemble a text; also tells where its labels lie."""
    code = assemble(text, base, bits)
    labels = _LABEL.findall(text)
    words = "".join(f"\n.long {label}" for label in labels)
    table = assemble(text + words, base, bits)[len(code) :]
    places = [int.from_bytes(table[at : at + 4], "little") for at in range(0, len(table), 4)]
    return code, dict(zip(labels, places, strict=True))


def followed(text: str, bits: int = 32, base: int = BASE, **more: object) -> Followed:
    """Assemble, and follow from the label `start`; `more` is what `follow_bytes` takes."""
    code, labels = program(text, bits, base)
    return follow_bytes(code, labels, bits, base, **more)  # type: ignore[arg-type]


def follow_bytes(
    code: bytes,
    labels: dict[str, int],
    bits: int = 32,
    base: int = BASE,
    budget: Budget | None = None,
    privilege: Privilege = Privilege.USER,
    pointers: tuple[int, ...] = (),
    never: tuple[int, ...] = (),
    imports: tuple[int, ...] = (),
    fields: tuple[int, ...] = (),
    rewritten: tuple[Rewritten, ...] = (),
    functions: tuple[Function, ...] = (),
    relocated: bool | None = None,
    data: tuple[Section, ...] = (),
) -> Followed:
    """Follow bytes that lie at an address in one section of code, with `data` behind it; `pointers` are relocations'
    unless told otherwise."""
    section = Section(".text", base, memoryview(code), len(code), True, False, bits, 0)
    entries = (Entry(labels.get("start", base), bits, Origin.ENTRY),)
    elsewhere = tuple(Symbol(Gva(address), f"import_{address:x}") for address in imports)
    binary = Binary(
        "",
        "raw",
        bits,
        privilege,
        (section, *data),
        entries,
        pointers=pointers,
        returns_never=never,
        imports=elsewhere,
        fields=fields,
        rewritten=rewritten,
        functions=functions,
        relocated=bool(pointers) if relocated is None else relocated,
    )
    return Followed(follow(binary, budget or Budget()), labels, base)
