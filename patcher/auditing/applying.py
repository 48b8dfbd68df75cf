# SPDX-License-Identifier: GPL-2.0-or-later
"""Laying the patches of an audit down on a copy, and looking again: "it can be closed" is a claim that is tried.

The copy is what fetches would see under a monitor: traps and jumps over the sites, and one more section that holds the
stubs. The second audit knows what a monitor knows: where it put a trap, and that control goes on behind it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from patcher.auditing.code_map import CodeMap
from patcher.auditing.findings import Findings
from patcher.auditing.model import Finding, Tier
from patcher.auditing.options import AuditOptions
from patcher.binary.model import Binary, Entry, Origin, Section
from patcher.follow.model import Flow as Followed
from patcher.patch import INT3, Tactic
from patcher.stub import JUMP, Stub, build, covered, effect_in_stub, jump
from patcher.x86.decode import MAX_LENGTH, Flow, Truncated, decode, flow
from patcher.x86.insn import Insn

STUB_SECTION: Final = "patchvisor stubs"
_PAGE: Final = 4096
_FAR: Final = frozenset({0x9A, 0xEA})
_LIMIT: Final = 1 << 32  # stubs are for 32-bit code
_SURE: Final = (Tier.CONFIRMED, Tier.LIKELY)


@dataclass(frozen=True, slots=True)
class Closed:
    """A site that is closed: what stood there, how it is closed, and the address of its stub."""

    address: int
    mode: int
    original: bytes
    tactic: Tactic
    stub: int | None = None


@dataclass(frozen=True, slots=True)
class Patched:
    """A binary with its patches: `binary` is the copy; `stubs` are what the stub section holds, by address."""

    binary: Binary
    closed: tuple[Closed, ...]
    stubs: tuple[tuple[int, Stub], ...] = ()


class _Copy:
    """The sections of a binary, to be written to."""

    def __init__(self, binary: Binary) -> None:
        self.binary = binary
        self._sections = list(binary.sections)
        self._written: dict[int, bytearray] = {}

    def read(self, address: int, mode: int) -> Insn | None:
        """The instruction at an address of the original."""
        section = self.binary.section_at(address)
        if section is None:
            return None
        try:
            offset = address - section.address
            return decode(bytes(section.data[offset : offset + MAX_LENGTH]), 0, mode)
        except Truncated:
            return None

    def write(self, address: int, content: bytes) -> None:
        section = self.binary.section_at(address)
        assert section is not None, f"a patch at {address:#x} lies in no section"
        data = self._written.setdefault(self._sections.index(section), bytearray(section.data))
        data[address - section.address : address - section.address + len(content)] = content

    def made(self, extra: Section | None) -> tuple[Section, ...]:
        sections = [
            replace(section, data=memoryview(bytes(self._written[n]))) if n in self._written else section
            for n, section in enumerate(self._sections)
        ]
        return tuple(sorted([*sections, *([extra] if extra else [])], key=lambda section: section.address))


def apply(code: CodeMap, findings: Iterable[Finding]) -> Patched:
    """Close every finding that needs it and has a tactic, on a copy; the binary itself stays as it is."""
    binary = code.binary
    copy, closed, stubs = _Copy(binary), list[Closed](), list[tuple[int, Stub]]()
    room = _after(binary)
    behind = -1  # the end of the last jump: what it covers is closed with it
    for finding in sorted(findings, key=lambda one: (one.address, one.mode)):
        tactic = finding.tactic
        if not finding.needs_patch or tactic is None:
            continue
        if finding.address < behind and _in_stub(copy, finding):
            closed.append(_closed(finding, Tactic.STUB, stubs[-1][0]))
            continue
        stub = _stub(copy, finding, room) if tactic is Tactic.STUB else None
        if stub is not None:
            copy.write(finding.address, jump(finding.address, room))
            stubs.append((room, stub))
            behind, room = finding.address + JUMP, room + len(stub.code)
        elif tactic is not Tactic.STEP:
            tactic = Tactic.TRAP
            copy.write(finding.address, INT3)
        closed.append(_closed(finding, tactic, stubs[-1][0] if stub else None))
    return Patched(_patched(code, copy, closed, stubs), tuple(closed), tuple(stubs))


def _closed(finding: Finding, tactic: Tactic, stub: int | None) -> Closed:
    return Closed(finding.address, finding.mode, finding.raw, tactic, stub)


def _in_stub(copy: _Copy, finding: Finding) -> bool:
    insn = copy.read(finding.address, finding.mode)
    return insn is not None and effect_in_stub(insn) is not None


def _after(binary: Binary) -> int:
    """The page behind everything."""
    return -(-max((section.end for section in binary.sections), default=0) // _PAGE) * _PAGE


def _stub(copy: _Copy, finding: Finding, at: int) -> Stub | None:
    """The stub for a site, to lie at `at`; None where there is no place for it."""
    site = copy.read(finding.address, finding.mode)
    if site is None:
        return None
    insns = covered(site, lambda distance: copy.read(finding.address + distance, finding.mode))
    if isinstance(insns, str):
        return None
    stub = build(insns, at, finding.address)
    return stub if at + len(stub.code) <= _LIMIT else None


def _patched(code: CodeMap, copy: _Copy, closed: list[Closed], stubs: list[tuple[int, Stub]]) -> Binary:
    section = None
    if stubs:
        work = b"".join(stub.code for _, stub in stubs)
        section = Section(STUB_SECTION, stubs[0][0], memoryview(work), len(work), True, False, 32, None)
    entries = {*copy.binary.entries, *_resumptions(code, closed)}
    return replace(copy.binary, sections=copy.made(section), entries=tuple(sorted(entries, key=_order)))


def _order(entry: Entry) -> tuple[int, int, str]:
    return entry.address, entry.mode, entry.origin.value


def _resumptions(code: CodeMap, closed: list[Closed]) -> Iterator[Entry]:
    """Where the monitor lets the guest go on after a trap: behind it, or where a far pointer says."""
    for one in closed:
        insn = decode(one.original, 0, one.mode)
        if one.tactic is not Tactic.TRAP or insn is None:
            continue
        behind = one.address + len(one.original)
        for address in (insn.imm,) if insn.opmap == 0 and insn.opcode in _FAR else (behind,):
            for mode in (16, 32, 64) if flow(insn) is Flow.STOP else (one.mode,):
                if code.at(address, mode) is not None:
                    yield Entry(address, mode, Origin.ENTRY, "behind a trap")


def open_sites(patched: Patched, followed: Followed, options: AuditOptions) -> list[Finding]:
    """What a second audit of the patched copy finds that still needs closing; `followed` is of the copy."""
    found = Findings(CodeMap(patched.binary, followed), options).all()
    known = {(one.address, one.mode): one for one in patched.closed}
    return [
        finding
        for finding in found
        if finding.needs_patch
        and finding.tier in _SURE
        and not _is_ours(finding, patched, known.get((finding.address, finding.mode)))
    ]


def _is_ours(finding: Finding, patched: Patched, closed: Closed | None) -> bool:
    """Is it a trap of the monitor's, an instruction that it steps over, or the work of one of its stubs?"""
    if finding.section == STUB_SECTION:
        return _is_stub_work(finding, patched)
    if closed is None:
        return False
    return finding.raw == (INT3 if closed.tactic is Tactic.TRAP else closed.original)


def _is_stub_work(finding: Finding, patched: Patched) -> bool:
    """In a stub only what its template does may look sensitive: int3 of its own, pushf and popf."""
    for start, stub in patched.stubs:
        offset = finding.address - start
        if 0 <= offset < len(stub.code):
            return finding.rule in ("pushf", "popf") or offset in stub.slow
    return False
