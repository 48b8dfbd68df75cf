# SPDX-License-Identifier: GPL-2.0-or-later
"""The frozen results of an audit: findings, verdicts, and reports over many files."""

from dataclasses import dataclass
from enum import Enum

from patcher.auditing.fingerprint import fingerprint, function_name
from patcher.binary.model import Origin, Privilege
from patcher.patch import Tactic


class Tier(Enum):
    """How sure it is that a sensitive instruction is really executed there; best first."""

    CONFIRMED = "confirmed"  # on a path followed from an entry that the file gives
    LIKELY = "likely"  # not on such a path, but what surrounds it is code
    POSSIBLE = "possible"  # it decodes there, and nothing says that it is code
    OVERLAPPING = "overlapping"  # it decodes inside an instruction that is on a followed path


class Kind(Enum):
    """What deprivileging does to it."""

    HOLE = "hole"  # runs without a trap, and wrongly
    PRIVILEGED = "privileged"  # traps by itself


class Status(Enum):
    """Popek and Goldberg's condition, as far as it could be decided."""

    AS_IS = "virtualizable as it is"
    AFTER_PATCHING = "virtualizable after patching"
    NOT_PROVABLY = "not provably virtualizable"


@dataclass(frozen=True, slots=True)
class CodeLine:
    """One instruction near a finding. `patched` is its text in the patched copy ("" where nothing changes)."""

    address: int
    raw: bytes
    text: str
    patched: str = ""


@dataclass(frozen=True, slots=True)
class Span:
    """A section's place `[start, end)` in memory."""

    name: str
    start: int
    end: int
    executable: bool


@dataclass(frozen=True, slots=True)
class Finding:
    """One sensitive instruction.

    `address` is where its code believes it runs; `file_offset` is None for what was unpacked. `function` is
    the name of the symbol or unwind range it lies in ("" when none is known) and `function_offset` its
    distance from there (from the section's start without a function). `rule` names the catalogue's rows of
    one name (`patchvisor explain RULE`); `row` is the one row. `ring` is where it would run (0 or 3).
    `matters` is False when nothing goes wrong in that ring, and `why` says what goes wrong, or why nothing
    does, in one sentence. `tactic` closes it; None where no patch is needed, and at an open hole where none
    can be. `tactic_reason` says why there is no better one. `purpose` is what a known pattern is for (""
    when none is known). `rewritten` names the table by which the program itself rewrites this place, or copies it
    over other code ("" when none). `around` holds the instructions around it, itself included, when they were
    asked for.
    """

    address: int
    file_offset: int | None
    section: str
    function: str
    function_offset: int
    mode: int
    raw: bytes
    text: str
    rule: str
    row: str
    kind: Kind
    tier: Tier
    ring: int
    matters: bool
    why: str
    tactic: Tactic | None
    tactic_reason: str
    purpose: str = ""
    rewritten: str = ""
    origin: Origin | None = None
    around: tuple[CodeLine, ...] = ()

    @property
    def needs_patch(self) -> bool:
        """Does something go wrong here unless it is closed?"""
        return self.matters and self.kind is Kind.HOLE

    @property
    def fingerprint(self) -> str:
        """A name that survives relinking: of function, offset in it, rule and bytes, all without addresses."""
        function = function_name(self.function, self.address - self.function_offset) or self.section
        return fingerprint(function, self.function_offset, self.rule, self.raw, self.mode)


@dataclass(frozen=True, slots=True)
class Coverage:
    """Bytes of executable sections by how they were looked at; the four add up to `code`. `data`: no path leads there,
    and read as code they speak against it."""

    code: int
    followed: int
    swept: int
    padding: int
    data: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """`sites` counts the places that must be patched. `reasons` are sentences, and empty unless nothing is
    proved."""

    status: Status
    sites: int = 0
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BinaryReport:
    """The audit of one program. `name` is its place inside its file ("" for all of it); `layout` is sorted."""

    name: str
    format: str
    mode: int
    privilege: Privilege
    ring: int
    coverage: Coverage
    findings: tuple[Finding, ...]
    verdict: Verdict
    user_verdict: Verdict
    notes: tuple[str, ...] = ()
    layout: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class FileReport:
    """The audit of one file. `path` is as the user named it, with "!member" for each archive on the way."""

    path: str
    size: int
    sha256: str
    binaries: tuple[BinaryReport, ...]


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file that could not be audited, wholly or in part, and the sentence that says why."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class AuditReport:
    """The audit of everything that was named. `skipped` counts files without x86 code that a folder or
    archive held."""

    files: tuple[FileReport, ...]
    unreadable: tuple[Unreadable, ...] = ()
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class ScanResult:
    """What `scan_image` found, before any judgement on the whole. `parts` are the programs, when a file has several."""

    name: str
    format: str
    mode: int
    findings: tuple[Finding, ...]
    coverage: Coverage
    notes: tuple[str, ...] = ()
    parts: tuple["ScanResult", ...] = ()
