# SPDX-License-Identifier: GPL-2.0-or-later
"""The options of `patchvisor audit` that say who works, on which part, and what is kept for another run."""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from patcher.errors import PatcherError
from vmm.cli.audit_options import Command, decorated

if TYPE_CHECKING:
    from patcher.auditing.many import Runner, Task
    from patcher.auditing.options import AuditOptions


@dataclass(frozen=True, slots=True)
class FleetChoices:
    """What the command line says of it."""

    jobs: int | None
    shard: str | None
    journal: str | None
    engine: str
    scheduler: str | None


FLEET_OPTIONS = (
    click.option("-j", "--jobs", type=click.IntRange(min=1), metavar="N",
                 help="Work in so many processes.  [as many as processors]"),
    click.option("--shard", metavar="I/N", help="Audit the I-th of N parts only; see patchvisor merge."),
    click.option("--journal", metavar="FILE", help="Keep what is done there, and go on from what it holds."),
    click.option("--engine", type=click.Choice(("local", "dask")), default="local", show_default=True,
                 help="Where to work: in processes here, or on a Dask cluster."),
    click.option("--scheduler", metavar="ADDR", help="With --engine dask: the scheduler, tcp://HOST:PORT."),
)  # fmt: skip


def with_fleet_options(command: Command) -> Command:
    """These options, in the order of the help."""
    return decorated(command, FLEET_OPTIONS)


def part(choices: FleetChoices, tasks: "Sequence[Task]") -> "list[Task]":
    """The tasks of the chosen shard. Raises UsageError."""
    if choices.shard is None:
        return list(tasks)
    from patcher.fleet.shard import shard

    try:
        return list(shard(choices.shard).part(tasks))
    except PatcherError as error:
        raise click.UsageError(f"--shard {choices.shard}: {error}") from None


@contextmanager
def runner(choices: FleetChoices, options: "AuditOptions", files: int) -> "Iterator[Runner]":
    """Who works. Raises UsageError for what contradicts itself, and for a journal that cannot be used."""
    found = _runner(choices, files)
    if choices.journal is None:
        yield found
        return
    from patcher.fleet.journal import Journal, resuming

    try:
        journal = Journal(choices.journal, options)
    except (OSError, PatcherError) as error:
        raise click.UsageError(f"--journal {choices.journal}: {_reason(error)}") from None
    try:
        yield resuming(journal, found)
    finally:
        journal.close()


def _runner(choices: FleetChoices, files: int) -> "Runner":
    if (choices.engine == "dask") != (choices.scheduler is not None):
        raise click.UsageError("--engine dask and --scheduler ADDR belong together")
    if choices.scheduler is not None:
        if re.fullmatch(r"(\w+://)?\S+:\d+", choices.scheduler) is None:
            raise click.UsageError(f"--scheduler {choices.scheduler}: write tcp://HOST:PORT")
        from patcher.fleet.cluster import cluster

        return cluster(choices.scheduler)
    jobs = choices.jobs or _processors()
    if files < 2 or jobs == 1:
        from patcher.auditing.many import in_order

        return in_order
    from patcher.fleet.pool import pool

    return pool(jobs)


def _processors() -> int:
    """Those that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _reason(error: Exception) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
