# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs from assembly text for tests of the audit: one section, one entry, in the ring that a test wants."""

from patcher.assembler import assemble
from patcher.auditing.code_map import CodeMap
from patcher.auditing.findings import Findings
from patcher.auditing.model import Finding
from patcher.auditing.options import AuditOptions
from patcher.binary.model import Binary, Entry, Origin, Privilege, Section
from patcher.follow import Budget, follow

BASE = 0x10000


def program(
    text: str | bytes,
    bits: int = 32,
    ring: int = 0,
    *,
    writable: bool = False,
    entries: tuple[int, ...] = (0,),
    **more: object,
) -> Binary:
    """A program whose only section is `text`, assembled to lie at BASE; `entries` are offsets in it."""
    code = assemble(text, BASE, bits) if isinstance(text, str) else text
    section = Section(".text", BASE, memoryview(code), len(code), True, writable, bits, 0x40)
    starts = tuple(Entry(BASE + at, bits, Origin.ENTRY) for at in entries)
    privilege = Privilege.USER if ring == 3 else Privilege.KERNEL
    return Binary("", "test", bits, privilege, (section,), starts, **more)  # type: ignore[arg-type]


def mapped(binary: Binary, everything: bool = False) -> CodeMap:
    """The program with where control goes in it."""
    return CodeMap(binary, follow(binary, Budget(everything=everything)))


def findings(binary: Binary, **options: object) -> list[Finding]:
    """Every finding in the program."""
    chosen = AuditOptions(**options)  # type: ignore[arg-type]
    return list(Findings(mapped(binary, chosen.everything), chosen).all())
