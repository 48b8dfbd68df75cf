# SPDX-License-Identifier: GPL-2.0-or-later
"""`patchvisor bench`: how fast patched code is, beside the bare engine and a plain Unicorn script."""

import sys

import click

from vmm.cli.outcome import wants_colour

_WIPE = "\r\x1b[K"


class _Progress:
    """What is being measured, on stderr: a line that is written over on a terminal, else a line a workload."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._last = ""

    def tell(self, text: str) -> None:
        name = text.partition(":")[0]
        if self._terminal:
            sys.stderr.write(_WIPE + text)
        elif name != self._last:
            sys.stderr.write(f"{name}\n")
        self._last = name
        sys.stderr.flush()

    def end(self) -> None:
        if self._terminal:
            sys.stderr.write(_WIPE)
            sys.stderr.flush()


@click.group("bench", short_help="Measure patched code, or what audits find.", invoke_without_command=True)
@click.pass_context
@click.option("--list", "wants_list", is_flag=True, help="List the workloads and figures and what each is.")
@click.option(
    "--only", "names", multiple=True, metavar="NAME", help="Only this workload or figure; repeatable."
)
@click.option(
    "--rounds", type=click.IntRange(min=1), default=5, show_default=True, help="Rounds; medians are shown."
)
@click.option(
    "--count", type=click.IntRange(min=1), help="Iterations of each loop; as many as take 50 ms unless told."
)
@click.option("--json", "json_form", is_flag=True, help="As JSON; times in nanoseconds.")
def command(
    context: click.Context,
    wants_list: bool,
    names: tuple[str, ...],
    rounds: int,
    count: int | None,
    json_form: bool,
) -> int:
    """Run small guests natively (ring 0 of the bare engine), patched under both policies and, where they
    compute only, in a plain Unicorn script; show the time of one iteration, its ratio to native, and the targets.
    """
    if context.invoked_subcommand is not None:
        return 0
    from vmm.bench.plan import UnknownName, carry_out, listing, plan
    from vmm.bench.report import as_json, write
    from vmm.bench.session import Choices

    if wants_list:
        click.echo(listing(), nl=False)
        return 0
    try:
        planned = plan(names)
    except UnknownName as error:
        raise click.UsageError(str(error)) from None
    progress = _Progress()
    report = carry_out(planned, Choices(rounds, count), progress.tell)
    progress.end()
    if json_form:
        click.echo(as_json(report), nl=False)
    else:
        write(report, sys.stdout, colour=wants_colour(sys.stdout))
    return 0


@command.command("audit", short_help="Precision and recall of audits, and their speed.")
@click.option(
    "--only", "names", multiple=True, metavar="GLOB", help="Only these sources (a/*, b/switch); repeatable."
)
@click.option("--subject", "subjects", multiple=True, metavar="NAME", help="Only this subject; repeatable.")
@click.option("--held-out", is_flag=True, help="The sources kept back while the audit was written.")
@click.option(
    "--keep", type=click.Path(file_okay=False), help="Write every file and its truth into this folder."
)
@click.option(
    "--by",
    type=click.Choice(("class", "form", "source")),
    default="class",
    help="A part of the table for each.",
)
@click.option("--speed", is_flag=True, help="Time the sweep and whole audits instead.")
@click.option(
    "--on", "paths", multiple=True, type=click.Path(exists=True), help="Time it on this file or folder."
)
@click.option(
    "--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Processes of a timed audit."
)
@click.option(
    "-v", "--verbose", count=True, help="Also the worst files and their errors; twice: all of them."
)
@click.option("--list", "wants_list", is_flag=True, help="List the sources and what each class is.")
@click.option("--json", "json_form", is_flag=True, help="As JSON: counts and file offsets.")
def audit(
    names: tuple[str, ...],
    subjects: tuple[str, ...],
    held_out: bool,
    keep: str | None,
    by: str,
    speed: bool,
    paths: tuple[str, ...],
    jobs: int,
    verbose: int,
    wants_list: bool,
    json_form: bool,
) -> int:
    """Assemble the corpora, whose every byte the assembler labels, and hold against that what the audit finds, what a
    linear sweep finds and what `objdump -d` shows: precision and recall for each class of sources.
    """
    from vmm.bench.audit.session import Choices, SpeedChoices, UnknownName, listing, run, run_speed

    if wants_list:
        click.echo(listing(), nl=False)
        return 0
    progress = _Progress()
    try:
        if speed:
            text = run_speed(SpeedChoices(paths, jobs, json_form), progress.tell)
        else:
            text = run(Choices(names, subjects, held_out, keep, by, verbose, json_form), progress.tell)
    except UnknownName as error:
        raise click.UsageError(str(error)) from None
    finally:
        progress.end()
    click.echo(text, nl=False)
    return 0
