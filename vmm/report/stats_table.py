# SPDX-License-Identifier: GPL-2.0-or-later
"""The counters of a run as a table: plain text for files and pipes, drawn with rich on a terminal."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TextIO

from patcher.x86.exceptions import NAMES
from vmm.report.run_report import Stats


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table; `share` is a percentage of the section's whole, or empty."""

    name: str
    value: str
    share: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """Lines under one heading."""

    title: str
    rows: tuple[Row, ...]


def sections(stats: Stats) -> tuple[Section, ...]:
    """The table's content in the order it is shown; sections without lines are left out."""
    every = (
        Section("exits by reason", _shared(stats.exits_by_reason)),
        Section("exits by instruction", _shared(stats.exits_by_insn)),
        Section("sites by tactic", _shared(stats.sites_by_tactic)),
        Section("code", _code_rows(stats)),
        Section("interrupts", _vector_rows(stats.interrupts, _vector)),
        Section("exceptions", _vector_rows(stats.faults, lambda vector: NAMES.get(vector, _vector(vector)))),
        Section("ports nobody answers", _port_rows(stats)),
        Section("time", _time_rows(stats)),
    )
    return tuple(section for section in every if section.rows)


def _shared(counts: Mapping[str, int]) -> tuple[Row, ...]:
    """Counts above zero, the greatest first, each with its share of the sum."""
    whole = sum(counts.values())
    ordered = sorted(((n, c) for n, c in counts.items() if c), key=lambda item: (-item[1], item[0]))
    return tuple(Row(name, f"{count:,}", _percent(count, whole)) for name, count in ordered)


def _percent(part: float, whole: float) -> str:
    return f"{100 * part / whole:.1f} %" if whole else ""


def _code_rows(stats: Stats) -> tuple[Row, ...]:
    return (
        Row("pages scanned", f"{stats.pages_scanned:,}"),
        Row("pages laid", f"{stats.pages_laid:,}"),
        Row("blocks checked", f"{stats.blocks_checked:,}"),
        Row("blocks vetoed", f"{stats.blocks_vetoed:,}", _percent(stats.blocks_vetoed, stats.blocks_checked)),
        Row("TLB fills", f"{stats.tlb_fills:,}"),
    )


def _vector(vector: int) -> str:
    return f"vector {vector:#04x}"


def _vector_rows(counts: Mapping[int, int], name: Callable[[int], str]) -> tuple[Row, ...]:
    return tuple(Row(name(vector), f"{counts[vector]:,}") for vector in sorted(counts))


def _port_rows(stats: Stats) -> tuple[Row, ...]:
    return tuple(
        Row(f"{port:#06x} {way}", f"{count:,}") for (port, way), count in sorted(stats.unknown_ports.items())
    )


def _time_rows(stats: Stats) -> tuple[Row, ...]:
    whole = stats.seconds_guest + stats.seconds_monitor
    return (
        Row("in the guest", f"{stats.seconds_guest:.3f} s", _percent(stats.seconds_guest, whole)),
        Row("in the monitor", f"{stats.seconds_monitor:.3f} s", _percent(stats.seconds_monitor, whole)),
        Row("instructions", "not counted" if stats.insns is None else f"{stats.insns:,}"),
    )


def plain_table(stats: Stats) -> str:
    """The table as text of fixed columns, ending in a newline."""
    shown = sections(stats)
    rows = [row for section in shown for row in section.rows]
    name_width = max(len(row.name) for row in rows)
    value_width = max(len(row.value) for row in rows)
    return "".join(_plain_section(section, name_width, value_width) for section in shown)


def _plain_section(section: Section, name_width: int, value_width: int) -> str:
    template = f"  {{:<{name_width}}}  {{:>{value_width}}}  {{:>7}}"
    lines = (template.format(row.name, row.value, row.share).rstrip() for row in section.rows)
    return "".join(f"{line}\n" for line in (section.title, *lines))


def write_table(stats: Stats, stream: TextIO, *, colour: bool) -> None:
    """Write the table to `stream`: with rich when `colour`, else as plain text."""
    if colour:
        _write_rich(sections(stats), stream)
    else:
        stream.write(plain_table(stats))


def _write_rich(shown: Iterable[Section], stream: TextIO) -> None:
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table

    table = Table("", "", "", show_header=False, box=SIMPLE, pad_edge=False)
    table.columns[1].justify = table.columns[2].justify = "right"
    for section in shown:
        table.add_row(section.title, style="bold cyan")
        for row in section.rows:
            table.add_row(f"  {row.name}", row.value, row.share)
        table.add_section()
    Console(file=stream).print(table)
