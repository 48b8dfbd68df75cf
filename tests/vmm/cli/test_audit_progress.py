# SPDX-License-Identifier: GPL-2.0-or-later
"""The bar that says how far an audit is."""

import io
import re
import sys
import threading

import pytest

from vmm.cli import audit_progress
from vmm.cli.audit_progress import AuditProgress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def drawn(monkeypatch: pytest.MonkeyPatch, total: int, *paths: str, columns: int = 120) -> str:
    """What the bar writes to a terminal, drawn at once."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr(audit_progress, "PATIENCE", 0)
    with AuditProgress(total) as progress:
        for path in paths:
            progress.tell(path)
        for thread in threading.enumerate():
            if isinstance(thread, threading.Timer):
                thread.join()
    return terminal.getvalue()


def test_it_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    text = drawn(monkeypatch, 3, "a.elf", "b.elf")
    assert "2/3" in text
    assert "b.elf" in text


def test_names_reach_the_terminal_without_escapes(monkeypatch: pytest.MonkeyPatch) -> None:
    text = drawn(monkeypatch, 2, "\x1b]0;title\x07\udcff[bold]")
    assert r"\x1b]0;title\x07\xff[bold]" in text
    assert "\x1b]0" not in text


@pytest.mark.parametrize("columns", [40, 60, 80, 200])
def test_counts_and_time_are_whole_and_leave_room_for_what_the_terminal_shows_of_ctrl_c(
    monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    text = drawn(monkeypatch, 4135, "folder/" * 40 + "last.ko", columns=columns)
    lines = [re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", line).rstrip() for line in re.split(r"[\r\n]+", text)]
    (line,) = {line for line in lines if "1/4135" in line}
    assert "0:00:0" in line
    assert len(line) <= columns - len("^C")
    assert columns < 60 or line.endswith("last.ko")
