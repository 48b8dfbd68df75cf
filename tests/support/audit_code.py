# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs from assembly text for tests of the audit: one section, one entry, in the ring that a test wants."""

from patcher.assembler import assemble
from patcher.auditing.applying import apply, changed_neighbours, entered_jumps, open_sites, resumed
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


def left_open(binary: Binary, **chosen: object) -> list[str]:
    """What a second audit of the patched program complains of, in words."""
    options = AuditOptions(**chosen)  # type: ignore[arg-type]
    code = mapped(binary)
    patched = apply(code, Findings(code, options).all())
    again = mapped(resumed(patched))
    open_holes = open_sites(code, patched, again, options)
    return [
        *(f"open: {finding.text} at {finding.address:#x}" for finding in open_holes),
        *(f"entered: {address:#x}" for address in entered_jumps(patched, code)),
        *(f"changed: {address:#x}" for address in changed_neighbours(code, patched)),
    ]
