# SPDX-License-Identifier: GPL-2.0-or-later
"""Laying the patches of an audit down on a copy, and looking again: "it can be closed" is a claim that is tried.

The copy is what fetches would see under a monitor: traps and jumps over the sites, and one more section that holds the
stubs. The second audit follows `resumed`, where a trap is what the monitor makes of it: the instruction itself.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from patcher.auditing.code_map import CodeMap
from patcher.auditing.findings import Findings
from patcher.auditing.model import Finding, Tier
from patcher.auditing.options import AuditOptions
from patcher.auditing.turns import takes_turns
from patcher.binary.model import Binary, Section
from patcher.patch import INT3, Tactic
from patcher.stub import JUMP, Stub, build, covered, effect_in_stub, jump
from patcher.x86.decode import MAX_LENGTH, Truncated, decode
from patcher.x86.insn import Insn

STUB_SECTION: Final = "patchvisor stubs"
_BRANCHES: Final = frozenset(
    (*range(0x70, 0x80), 0xE0, 0xE1, 0xE2, 0xE3, 0xE8, 0xE9, 0xEB, 0x0F, 0x2E, 0x3E, 0xF2)
)
_ADDRESSES: Final = (1 << 64) - 1
_PAGE: Final = 4096
_LIMIT: Final = 1 << 32  # stubs are for 32-bit code
_SURE: Final = (Tier.CONFIRMED, Tier.LIKELY)


@dataclass(frozen=True, slots=True)
class Closed:
    """A site that is closed: what stood there, how, the address of its stub, and how many bytes were written."""

    address: int
    mode: int
    original: bytes
    tactic: Tactic
    stub: int | None = None
    size: int = 0


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
    """Close every confirmed or likely finding that needs it, on a copy; the binary itself stays as it is."""
    binary = code.binary
    copy, closed, stubs = _Copy(binary), list[Closed](), list[tuple[int, Stub]]()
    room = _after(binary)
    behind = -1  # the end of the last jump: what it covers is closed with it
    for finding in sorted(findings, key=lambda one: (one.address, one.mode)):
        if not finding.needs_patch or finding.tactic is None or finding.tier not in _SURE:
            continue
        if finding.address < behind and _in_stub(copy, finding):
            closed.append(_closed(finding, Tactic.STUB, stubs[-1][0]))
            continue
        moved = _stub(copy, finding, room) if finding.tactic is Tactic.STUB else None
        if moved is not None:
            stub, size = moved
            copy.write(finding.address, jump(finding.address, room) + INT3 * (size - JUMP))
            closed.append(_closed(finding, Tactic.STUB, room, size))
            stubs.append((room, stub))
            behind, room = finding.address + size, room + len(stub.code)
        elif finding.tactic is Tactic.TURNS:
            closed.append(_closed(finding, Tactic.TURNS))
        else:
            copy.write(finding.address, INT3)
            closed.append(_closed(finding, Tactic.TRAP, size=1))
    return Patched(_with_stubs(copy, stubs), tuple(closed), tuple(stubs))


def _closed(finding: Finding, tactic: Tactic, stub: int | None = None, size: int = 0) -> Closed:
    return Closed(finding.address, finding.mode, finding.raw, tactic, stub, size)


def _in_stub(copy: _Copy, finding: Finding) -> bool:
    insn = copy.read(finding.address, finding.mode)
    return insn is not None and effect_in_stub(insn) is not None


def _after(binary: Binary) -> int:
    """The page behind everything."""
    return -(-max((section.end for section in binary.sections), default=0) // _PAGE) * _PAGE


def _stub(copy: _Copy, finding: Finding, at: int) -> tuple[Stub, int] | None:
    """The stub for a site, to lie at `at`, and the bytes that it replaces; None where there is no place for it."""
    site = copy.read(finding.address, finding.mode)
    if site is None:
        return None
    insns = covered(site, lambda distance: copy.read(finding.address + distance, finding.mode))
    if isinstance(insns, str):
        return None
    stub = build(insns, at, finding.address)
    size = max(JUMP, sum(insn.length for insn in insns))
    return (stub, size) if at + len(stub.code) <= _LIMIT else None


def _with_stubs(copy: _Copy, stubs: list[tuple[int, Stub]]) -> Binary:
    section = None
    if stubs:
        work = b"".join(stub.code for _, stub in stubs)
        section = Section(STUB_SECTION, stubs[0][0], memoryview(work), len(work), True, False, 32, None)
    return replace(copy.binary, sections=copy.made(section))


def resumed(patched: Patched) -> Binary:
    """The copy for a second audit: where a trap stands, the monitor performs what stood there before."""
    copy = _Copy(patched.binary)
    for one in patched.closed:
        if one.tactic is Tactic.TRAP:
            copy.write(one.address, one.original)
    return replace(patched.binary, sections=copy.made(None))


def open_sites(code: CodeMap, patched: Patched, followed: CodeMap, options: AuditOptions) -> list[Finding]:
    """What a second audit finds that still needs closing.

    `code` is what the first audit saw, and `followed` is what `resumed` gave, followed. Bytes that no path
    reaches and that look like code only since patches stand beside them do not count.
    """
    closed = {(one.address, one.mode): one for one in patched.closed}
    return [
        finding
        for finding in Findings(followed, options).all()
        if finding.needs_patch
        and finding.tier in _SURE
        and not _is_closed(code, finding, patched, closed.get((finding.address, finding.mode)))
        and (finding.tier is Tier.CONFIRMED or _was_code(code, finding))
    ]


def _was_code(code: CodeMap, finding: Finding) -> bool:
    return finding.section == STUB_SECTION or code.at(finding.address, finding.mode) is not None


def _is_closed(code: CodeMap, finding: Finding, patched: Patched, closed: Closed | None) -> bool:
    """Does a trap stand there, always or in turns, or is it the work of a stub?"""
    if finding.section == STUB_SECTION:
        return _is_stub_work(finding, patched)
    if closed is None or finding.raw != closed.original:
        return False
    if closed.tactic is Tactic.TURNS:
        return takes_turns(code, closed.address, closed.mode)
    return _byte(patched.binary, finding.address) == INT3


def _byte(binary: Binary, address: int) -> bytes:
    section = binary.section_at(address)
    return b"" if section is None else bytes(section.data[address - section.address :][:1])


def _is_stub_work(finding: Finding, patched: Patched) -> bool:
    """In a stub only what its template does may look sensitive: int3 of its own, pushf and popf."""
    for start, stub in patched.stubs:
        offset = finding.address - start
        if 0 <= offset < len(stub.code):
            return finding.rule in ("pushf", "popf") or offset in stub.slow
    return False


def entered_jumps(patched: Patched, code: CodeMap) -> list[int]:
    """Targets of `code`'s branches, and entries, that lie inside the jumps of the copy; none may be."""
    inside = {at for one in patched.closed for at in range(one.address + 1, one.address + one.size)}
    if not inside:
        return []
    arrivals = {entry.address for entry in code.binary.entries} | set(_branch_targets(code))
    return sorted(inside & arrivals)


def _branch_targets(code: CodeMap) -> Iterator[int]:
    """Where the relative branches of known instructions go."""
    for (index, mode), lengths in [*code.flow.lengths.items(), *code.flow.likely.items()]:
        section = code.binary.sections[index]
        data = bytes(section.data)
        for offset in (offset for offset, length in enumerate(lengths) if length):
            insn = decode(data[offset : offset + MAX_LENGTH], 0, mode) if data[offset] in _BRANCHES else None
            if insn is not None and insn.relative:
                yield section.address + offset + insn.length + insn.imm & _ADDRESSES


def changed_neighbours(code: CodeMap, patched: Patched) -> list[int]:
    """Addresses of instructions of the original that the copy shows otherwise although they are not closed."""
    covered = {at for one in patched.closed for at in range(one.address, one.address + one.size)}
    found = list[int]()
    for (index, _), lengths in [*code.flow.lengths.items(), *code.flow.likely.items()]:
        old = code.binary.sections[index]
        new = patched.binary.section_at(old.address)
        assert new is not None, "the copy has every section"
        for at in _differences(bytes(old.data), bytes(new.data)):
            for start in range(max(0, at - MAX_LENGTH + 1), at + 1):
                if lengths[start] > at - start and old.address + start not in covered:
                    found.append(old.address + start)
    return found


def _differences(old: bytes, new: bytes) -> Iterator[int]:
    """The offsets of bytes that differ."""
    if old != new:
        yield from (at for at, (one, other) in enumerate(zip(old, new, strict=True)) if one != other)
