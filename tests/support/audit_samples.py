# SPDX-License-Identifier: GPL-2.0-or-later
"""Made-up audits, for tests of what is done with them."""

from patcher.auditing.model import (
    AuditReport,
    BinaryReport,
    CodeLine,
    Coverage,
    FileReport,
    Finding,
    Kind,
    Span,
    Status,
    Tier,
    Unreadable,
    Verdict,
)
from patcher.binary.model import Origin, Privilege
from patcher.patch import Tactic


def finding(address: int = 0xC010_0010, **changes: object) -> Finding:
    """A pushf in the function save_flags of a kernel."""
    values: dict[str, object] = {
        "address": address, "file_offset": address & 0xFFFF, "section": ".text", "function": "save_flags",
        "function_offset": address & 0xFF, "mode": 32, "raw": b"\x9c", "text": "pushfd", "rule": "pushf",
        "row": "pushf (9C)", "kind": Kind.HOLE, "tier": Tier.CONFIRMED, "ring": 0, "matters": True,
        "why": "The guest sees the real interrupt flag.", "tactic": Tactic.TRAP,
        "tactic_reason": "A jump would cover a branch target.", "origin": Origin.SYMBOL,
    }  # fmt: skip
    return Finding(**(values | changes))  # type: ignore[arg-type]


def binary(*findings: Finding, **changes: object) -> BinaryReport:
    """A kernel with these findings."""
    values: dict[str, object] = {
        "name": "", "format": "elf", "mode": 32, "privilege": Privilege.KERNEL, "ring": 0,
        "coverage": Coverage(0x2000, 0x1800, 0x600, 0x100, 0x100), "findings": findings,
        "verdict": Verdict(Status.AFTER_PATCHING, len(findings)), "user_verdict": Verdict(Status.AS_IS),
        "layout": (Span(".text", 0xC010_0000, 0xC010_2000, True), Span(".data", 0xC010_3000, 0xC010_4000, False)),
    }  # fmt: skip
    return BinaryReport(**(values | changes))  # type: ignore[arg-type]


def report() -> AuditReport:
    """Two files with three programs, one file that could not be read."""
    around = (
        CodeLine(0xC010_000F, b"\x90", "nop"),
        CodeLine(0xC010_0010, b"\x9c", "pushfd", "int3"),
        CodeLine(0xC010_0011, b"\xfa", "cli"),
    )
    holes = (finding(around=around), finding(0xC010_0020, purpose="interrupt-flag save"))
    cli = finding(
        0xC010_0011, raw=b"\xfa", text="cli", rule="cli", row="cli (FA)", kind=Kind.PRIVILEGED,
        tier=Tier.LIKELY, function="", section=".init.text", file_offset=None, origin=None,
    )  # fmt: skip
    return AuditReport(
        (
            FileReport("boot/vmlinuz", 4096, "ab" * 32, (binary(name="setup", mode=16), binary(*holes, cli))),
            FileReport("lib/<b>&x.ko", 100, "cd" * 32, (binary(notes=("no symbols",)),)),
        ),
        (Unreadable("broken.exe", "broken.exe is truncated."),),
        skipped=7,
    )
