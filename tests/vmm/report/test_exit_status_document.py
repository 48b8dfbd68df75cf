# SPDX-License-Identifier: GPL-2.0-or-later
"""docs/exit-status.md tells every reason with its status."""

import re
from pathlib import Path

from vmm.cli.verbs.doctor import INCOMPLETE
from vmm.cli.verdict import OUTPUT_LOST
from vmm.report.run_report import ExitReason

TEXT = (Path(__file__).resolve().parents[3] / "docs" / "exit-status.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (\w+) \| (?:`([a-z-]+)`|–) \|", TEXT, re.MULTILINE)


def test_every_reason_has_its_row() -> None:
    ours = {(str(r.status), r.value) for r in ExitReason if r is not ExitReason.GUEST_EXIT}
    assert {row for row in ROWS if row[1]} == ours | {("odd", "guest-exit")}


def test_statuses_without_a_reason_are_told() -> None:
    assert {status for status, word in ROWS if not word} == {str(OUTPUT_LOST), str(INCOMPLETE), "143"}
