# SPDX-License-Identifier: GPL-2.0-or-later
"""The bar that says how far an audit is."""

import io
import sys
import threading

import pytest

from vmm.cli import audit_progress
from vmm.cli.audit_progress import AuditProgress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def drawn(monkeypatch: pytest.MonkeyPatch, total: int, *paths: str) -> str:
    """What the bar writes to a terminal, drawn at once."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
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
