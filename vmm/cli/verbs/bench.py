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


@click.command("bench", short_help="Measure patched code against the bare engine.")
@click.option("--list", "wants_list", is_flag=True, help="List the workloads and figures and what each is.")
@click.option("--only", "names", multiple=True, metavar="NAME", help="Only this workload or figure; repeatable.")
@click.option("--rounds", type=click.IntRange(min=1), default=5, show_default=True, help="Rounds; medians are shown.")
@click.option("--count", type=click.IntRange(min=1), help="Iterations of each loop; as many as take 50 ms unless told.")
@click.option("--json", "json_form", is_flag=True, help="As JSON; times in nanoseconds.")
def command(wants_list: bool, names: tuple[str, ...], rounds: int, count: int | None, json_form: bool) -> int:
    """Run small guests natively (ring 0 of the bare engine), patched under both policies and, where they
    compute only, in a plain Unicorn script; show the time of one iteration, its ratio to native, and the targets.
    """
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
