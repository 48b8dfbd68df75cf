# SPDX-License-Identifier: GPL-2.0-or-later
"""The JSON form of a run, versioned; docs/stats-json.md describes every key."""

import json
from collections.abc import Mapping

from vmm.report.cpu_dump import REG_NAMES, SEGMENT_NAMES, CpuDump
from vmm.report.run_report import RunReport, Stats

#: Raised when a key changes its meaning or goes away; a new key does not raise it.
SCHEMA_VERSION = 1


def report_document(report: RunReport) -> dict[str, object]:
    """The whole report: verdict, the guest's texts, counters, processor dump (null after a good end)."""
    return {
        "schema": "patchvisor.run",
        "version": SCHEMA_VERSION,
        "reason": report.reason.value,
        "exit_status": report.exit_status,
        "message": report.message,
        "serial": report.serial,
        "screen": report.screen,
        "stats": _stats(report.stats),
        "dump": None if report.dump is None else _dump(report.dump),
    }


def stats_document(report: RunReport) -> dict[str, object]:
    """What --stats-json writes: the verdict and the counters, without the guest's texts."""
    return {
        "schema": "patchvisor.stats",
        "version": SCHEMA_VERSION,
        "reason": report.reason.value,
        "exit_status": report.exit_status,
        **_stats(report.stats),
    }


def to_text(document: Mapping[str, object]) -> str:
    """JSON text with a last newline; keys keep their order."""
    return json.dumps(document, indent=2) + "\n"


def _stats(stats: Stats) -> dict[str, object]:
    return {
        "exits": stats.exits,
        "exits_by_reason": dict(stats.exits_by_reason),
        "exits_by_insn": dict(stats.exits_by_insn),
        "exits_by_address": {f"{address:#010x}": n for address, n in sorted(stats.exits_by_address.items())},
        "sites_by_tactic": dict(stats.sites_by_tactic),
        "pages_scanned": stats.pages_scanned,
        "pages_laid": stats.pages_laid,
        "blocks_checked": stats.blocks_checked,
        "blocks_vetoed": stats.blocks_vetoed,
        "tlb_fills": stats.tlb_fills,
        "interrupts": {str(vector): n for vector, n in sorted(stats.interrupts.items())},
        "faults": {str(vector): n for vector, n in sorted(stats.faults.items())},
        "unknown_ports": [
            {"port": port, "way": way, "count": n} for (port, way), n in sorted(stats.unknown_ports.items())
        ],
        "seconds_guest": stats.seconds_guest,
        "seconds_monitor": stats.seconds_monitor,
        "insns": stats.insns,
    }


def _dump(dump: CpuDump) -> dict[str, object]:
    """Numbers stay numbers: a program reads this form, the crash report is for people."""
    return {
        "regs": dict(zip(REG_NAMES, dump.regs, strict=True)),
        **{name: getattr(dump, name) for name in ("eip", "eflags", "cpl", "cr0", "cr2", "cr3", "cr4")},
        "segments": {
            name: {"selector": seg.selector, "base": seg.base, "limit": seg.limit, "flags": seg.flags}
            for name, seg in zip(SEGMENT_NAMES, dump.segments, strict=True)
        },
        "gdtr": {"base": dump.gdtr.base, "limit": dump.gdtr.limit},
        "idtr": {"base": dump.idtr.base, "limit": dump.idtr.limit},
        "code_base": dump.code_base,
        "code": dump.code.hex(),
        "stack": list(dump.stack),
        "last_exits": [
            {"eip": line.eip, "reason": line.reason, "detail": line.detail} for line in dump.last_exits
        ],
    }
