# SPDX-License-Identifier: GPL-2.0-or-later
"""The statistics table: what it says, its columns, and that both drawings hold the same lines."""

import io

from vmm.report.run_report import Stats
from vmm.report.stats_table import plain_table, sections, write_table

STATS = Stats(
    exits_by_reason={"fault": 34, "trap": 1200, "never": 0},
    exits_by_insn={"pushf": 800, "popf": 400},
    sites_by_tactic={"TRAP": 12, "STUB": 3},
    pages_scanned=7,
    pages_laid=3,
    blocks_checked=200,
    blocks_vetoed=5,
    tlb_fills=99,
    interrupts={0x20: 18},
    faults={14: 4, 9: 1},
    unknown_ports={(0x3F6, "read"): 3},
    seconds_guest=0.75,
    seconds_monitor=0.25,
    insns=1_000_000,
)

GOLDEN = """\
exits by reason
  trap                1,200   97.2 %
  fault                  34    2.8 %
exits by instruction
  pushf                 800   66.7 %
  popf                  400   33.3 %
sites by tactic
  TRAP                   12   80.0 %
  STUB                    3   20.0 %
code
  pages scanned           7
  pages laid              3
  blocks checked        200
  blocks vetoed           5    2.5 %
  TLB fills              99
interrupts
  vector 0x20            18
exceptions
  vector 0x09             1
  #PF                     4
ports nobody answers
  0x03f6 read             3
time
  in the guest      0.750 s   75.0 %
  in the monitor    0.250 s   25.0 %
  instructions    1,000,000
"""


def test_the_plain_table_is_as_written_here() -> None:
    assert plain_table(STATS) == GOLDEN


def test_an_empty_run_still_has_a_table() -> None:
    assert [section.title for section in sections(Stats())] == ["code", "time"]
    assert "instructions    not counted\n" in plain_table(Stats())


def test_without_colour_the_plain_table_is_written() -> None:
    stream = io.StringIO()
    write_table(STATS, stream, colour=False)
    assert stream.getvalue() == GOLDEN


def test_the_coloured_table_holds_the_same_lines() -> None:
    stream = io.StringIO()
    write_table(STATS, stream, colour=True)
    words = set(stream.getvalue().split())
    assert set(GOLDEN.split()) <= words
