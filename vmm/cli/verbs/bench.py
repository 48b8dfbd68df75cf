# SPDX-License-Identifier: GPL-2.0-or-later
"""`patchvisor bench`: how fast patched code is, beside the bare engine and a plain Unicorn script."""

import sys

import click

from vmm.cli.outcome import wants_colour


def _listed() -> str:
    from vmm.bench.workloads import every

    known = every()
    width = max(map(len, known))
    return "".join(f"{name:<{width}}  {workload.says}\n" for name, workload in known.items())


def _tell(text: str) -> None:
    """Progress on stderr: one line that is written over on a terminal, else nothing but the names."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()
    elif ", round 1 " in text:
        sys.stderr.write(f"{text}\n")


@click.command("bench", short_help="Measure patched code against the bare engine.")
@click.option("--list", "listing", is_flag=True, help="List the workloads and what one iteration of each does.")
@click.option("--only", "names", multiple=True, metavar="NAME", help="Only this workload or figure; may be given again.")
@click.option("--rounds", type=click.IntRange(min=1), default=5, show_default=True, help="Rounds; medians are shown.")
@click.option("--count", type=click.IntRange(min=1), help="Iterations of each loop; as many as take 50 ms unless told.")
@click.option("--json", "json_form", is_flag=True, help="As JSON; times in nanoseconds.")
def command(listing: bool, names: tuple[str, ...], rounds: int, count: int | None, json_form: bool) -> int:
    """Run small guests natively (ring 0 of the bare engine), patched under both policies and, where they
    compute only, in a plain Unicorn script; show the time of one iteration, its ratio to native, and the targets.
    """
    if listing:
        click.echo(_listed(), nl=False)
        return 0
    from vmm.bench.plan import carry_out, plan
    from vmm.bench.report import as_json, write
    from vmm.bench.session import Choices

    report = carry_out(plan(names), Choices(rounds, count), _tell)
    if sys.stderr.isatty():
        sys.stderr.write("\r\x1b[K")
    if json_form:
        click.echo(as_json(report), nl=False)
    else:
        write(report, sys.stdout, colour=wants_colour(sys.stdout))
    return 0
