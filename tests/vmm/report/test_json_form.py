# SPDX-License-Identifier: GPL-2.0-or-later
"""The JSON forms: valid JSON, every counter in it, and every key described in docs/stats-json.md."""

import json
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

from patcher.x86.segment import Segment
from vmm.report.cpu_dump import CpuDump, ExitLine, TableDump
from vmm.report.json_form import SCHEMA_VERSION, report_document, stats_document, to_text
from vmm.report.run_report import ExitReason, RunReport, Stats

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "stats-json.md"
DUMP = CpuDump(
    regs=tuple(range(8)),
    eip=0x1000,
    eflags=2,
    cpl=0,
    cr0=0x11,
    cr2=0,
    cr3=0,
    cr4=0,
    segments=(Segment(8, 0, 0xFFFFFFFF, 0xCF9B00),) * 8,
    gdtr=TableDump(0, 0x27),
    idtr=TableDump(0, 0),
    code=b"\x0f\x0b",
    code_base=0x1000,
    stack=(1, 2),
    last_exits=(ExitLine(0x1000, "fault", "#UD"),),
)
STATS = Stats(
    exits_by_reason={"trap": 2}, exits_by_address={0x1000: 2}, unknown_ports={(0x80, "write"): 1}, insns=5
)
REPORT = RunReport(ExitReason.TRIPLE_FAULT, 80, "It fell.", serial="hello\n", stats=STATS, dump=DUMP)


def keys(value: object) -> Iterator[str]:
    """Every key in the document, except where keys are data (counts by name, by vector, by address)."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            if not key.startswith("exits_by_") and key not in ("sites_by_tactic", "interrupts", "faults"):
                yield from keys(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from keys(inner)


def test_a_report_survives_the_way_through_text() -> None:
    document = json.loads(to_text(report_document(REPORT)))
    assert document["schema"] == "patchvisor.run"
    assert document["version"] == SCHEMA_VERSION
    assert (document["reason"], document["exit_status"]) == ("triple-fault", 80)
    assert document["serial"] == "hello\n"
    assert document["stats"]["exits_by_address"] == {"0x00001000": 2}
    assert document["stats"]["unknown_ports"] == [{"port": 0x80, "way": "write", "count": 1}]
    assert document["dump"]["segments"]["cs"]["selector"] == 8
    assert document["dump"]["last_exits"] == [{"eip": 0x1000, "reason": "fault", "detail": "#UD"}]


def test_the_counters_are_all_there() -> None:
    names = {field.name for field in fields(Stats)}
    assert names | {"exits"} == set(report_document(REPORT)["stats"])  # type: ignore[arg-type, call-overload]
    assert names <= set(stats_document(REPORT))


def test_a_good_end_has_no_dump() -> None:
    assert report_document(RunReport(ExitReason.POWER_OFF, 0, "Off."))["dump"] is None


def test_every_key_is_described() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    unsaid = {
        key
        for key in [*keys(report_document(REPORT)), *keys(stats_document(REPORT))]
        if f"`{key}`" not in text
    }
    assert not unsaid
    assert f"version {SCHEMA_VERSION}" in text
