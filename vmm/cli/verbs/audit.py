# SPDX-License-Identifier: GPL-2.0-or-later
"""`patchvisor audit`: where a binary would break out of, see through or misbehave under a monitor."""

import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

import click

from patcher.errors import PatcherError
from vmm.cli.audit_fleet import FleetChoices, part, runner, with_fleet_options
from vmm.cli.audit_options import (
    AuditChoices,
    audit_options,
    baseline,
    ignores,
    level,
    with_options,
)
from vmm.cli.audit_progress import AuditProgress
from vmm.cli.output import check_output, write_report
from vmm.cli.terminal import unwound_by_sigterm
from vmm.cli.values import keep_apart

if TYPE_CHECKING:
    from patcher.auditing.ignore import Ignore
    from patcher.auditing.level import Level
    from patcher.auditing.model import AuditReport

FOUND, UNREADABLE = 1, 3


@click.command("audit", short_help="Find what breaks under a monitor.")
@with_options
@with_fleet_options
def command(jobs: int | None, shard: str | None, journal: str | None, engine: str, scheduler: str | None,
            **chosen: object) -> int:  # fmt: skip
    """Find the instructions in programs, kernels, firmware and archives of them that are sensitive but not
    privileged (Popek and Goldberg), say what goes wrong where each runs, how it is closed, and whether the whole
    can be virtualized. `patchvisor explain RULE` explains a finding's rule.

    The status is 0 when nothing reaches --fail-on, 1 when something does, 2 for a wrong command line, 3 when some
    file could not be read.
    """
    choices = AuditChoices(**chosen)  # type: ignore[arg-type]
    fleet = FleetChoices(jobs, shard, journal, engine, scheduler)
    fail_on = level(choices)
    options = audit_options(choices, fail_on, shard is not None)
    known, ignored = baseline(choices), ignores(choices)
    keep_apart(choices.output, choices.paths)
    if choices.output not in (None, "-"):
        check_output(str(choices.output))
    with ExitStack() as opened:
        from patcher.auditing.many import audit_many, tasks_of

        opened.enter_context(unwound_by_sigterm())
        tasks = part(fleet, list(tasks_of(choices.paths)))
        chosen_runner = opened.enter_context(runner(fleet, options, len(tasks)))
        with AuditProgress(len(tasks)) as progress:
            try:
                report = audit_many(
                    tasks, options, chosen_runner, lambda outcome: progress.tell(outcome.path)
                )
            except PatcherError as error:  # of the runner: what files cause is in the report
                raise click.UsageError(str(error)) from None
        report = _reduced(report, known, ignored)
        _write(report, choices)
    return _status(report, fail_on)


def _reduced(
    report: "AuditReport", known: "AuditReport | None", ignored: "tuple[Ignore, ...]"
) -> "AuditReport":
    """The report without what is ignored and what an earlier one has."""
    from dataclasses import replace

    files = report.files
    if ignored:
        from patcher.auditing.ignore import without_ignored

        files = tuple(without_ignored(file, ignored) for file in files)
    if known is not None:
        from patcher.auditing.baseline import Baseline

        files = tuple(map(Baseline.of(known).only_new, files))
    return replace(report, files=files)


def _write(report: "AuditReport", choices: AuditChoices) -> None:
    from patcher.report.form import Options

    if choices.output is not None and choices.output != "-":
        write_report(report, choices.form, Options(choices.verbose), choices.output)
        return
    from vmm.cli.outcome import wants_colour

    shown = Options(choices.verbose, colour=wants_colour(sys.stdout))
    write_report(report, choices.form, shown, None)


def _status(report: "AuditReport", fail_on: "Level") -> int:
    """3 before 1: what is incomplete is no answer."""
    if report.unreadable:
        return UNREADABLE
    return FOUND if fail_on.reached_by(report) else 0
