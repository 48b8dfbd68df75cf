# SPDX-License-Identifier: GPL-2.0-or-later
"""What a run leaves behind: files opened before it starts, and the report drawn where the user asked for
it.
"""

import os
import sys
from contextlib import ExitStack
from types import TracebackType
from typing import TextIO

import click

from vmm.cli.run_options import RunChoices
from vmm.cli.verdict import say
from vmm.report.run_report import ExitReason, RunReport
from vmm.trace import Trace

#: Ends that need no sentence of ours.
_QUIET = {ExitReason.GUEST_EXIT, ExitReason.POWER_OFF, ExitReason.RESET, ExitReason.MATCHED}


class Outcome:
    """Opens every output file at the start, so that a bad path fails before the guest runs."""

    def __init__(self, choices: RunChoices) -> None:
        self._choices = choices
        self._open = ExitStack()
        try:
            self._stats_json = self._stream(choices.stats_json, "--stats-json")
            self._exit_map = self._stream(choices.exit_map, "--exit-map")
            log = self._stream(choices.trace_file, "-D") or sys.stderr
        except BaseException:
            self._open.close()
            raise
        self.trace = Trace(choices.trace, log) if choices.trace else None

    def __enter__(self) -> "Outcome":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._open.close()

    def show(self, report: RunReport) -> None:
        """Draw the report everywhere it was asked for and close the files."""
        with self._open:
            self._show_verdict(report)
            if self._choices.stats:
                from vmm.report.stats_table import write_table

                write_table(report.stats, sys.stderr, colour=wants_colour(sys.stderr))
            self._write_documents(report)

    def _stream(self, path: str | None, option: str) -> TextIO | None:
        if path is None:
            return None
        if path == "-":
            return sys.stdout
        try:
            return self._open.enter_context(open(path, "w", encoding="utf-8"))
        except OSError as error:
            raise click.UsageError(f"{option} {path}: {error.strerror}") from None

    def _show_verdict(self, report: RunReport) -> None:
        if report.serial and not report.serial.endswith("\n") and sys.stderr.isatty():
            sys.stderr.write("\n")
        if report.dump is not None:
            from vmm.report.crash_report import crash_report

            sys.stderr.write(crash_report(report.dump, f"patchvisor: {report.message}"))
        elif report.reason not in _QUIET:
            say(report.message)

    def _write_documents(self, report: RunReport) -> None:
        choices = self._choices
        if self._exit_map is not None:
            from vmm.report.exit_map import exit_map

            self._exit_map.write(exit_map(report.stats.exits_by_address))
        if choices.as_json or self._stats_json is not None:
            from vmm.report.json_form import report_document, stats_document, to_text

            if self._stats_json is not None:
                self._stats_json.write(to_text(stats_document(report)))
            if choices.as_json:
                sys.stdout.write(to_text(report_document(report)))
        elif choices.display == "text" and not sys.stdout.isatty():
            sys.stdout.write(report.screen.rstrip() + "\n")


def wants_colour(stream: TextIO) -> bool:
    """Whether to draw with colours: on a terminal that can, unless NO_COLOR is set (no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM", "dumb") != "dumb"
