# SPDX-License-Identifier: GPL-2.0-or-later
"""The `patchvisor` command: finds the verb, runs it, and turns whatever happens into a sentence and an
exit status.
"""

import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from vmm import __version__
from vmm.cli.verdict import OUTPUT_LOST, report_failure
from vmm.report.run_report import ExitReason

PROGRAM = "patchvisor"
VERBS = Path(__file__).parent / "verbs"


class VerbGroup(click.Group):
    """A click group whose commands are the files of verbs/, imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all verbs."""
        names = (entry.name for entry in os.scandir(VERBS))
        return sorted(
            name[:-3].replace("_", "-") for name in names if name.endswith(".py") and name[0] != "_"
        )

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The verb's command, or None when there is no such file."""
        if cmd_name not in self.list_commands(ctx):
            return None
        module = importlib.import_module(f"vmm.cli.verbs.{cmd_name.replace('-', '_')}")
        command = module.command
        assert isinstance(command, click.Command), (
            f"vmm/cli/verbs/{cmd_name}.py: `command` is no click command"
        )
        return command


@click.group(cls=VerbGroup, epilog="Exit statuses: docs/exit-status.md.")
@click.version_option(__version__, prog_name=PROGRAM)
def group() -> None:
    """Run unmodified 32-bit x86 kernels: scan every page, patch what does not trap, emulate what does."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv` (default: the process's own) and return the exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    _replace_closed_streams()
    try:
        status = _run(arguments)
        if status == OUTPUT_LOST:
            _discard_stdout()
        sys.stdout.flush()
    except OSError as error:
        _discard_stdout()
        return OUTPUT_LOST if isinstance(error, BrokenPipeError) else report_failure(error)
    except KeyboardInterrupt:
        return ExitReason.INTERRUPTED.status
    return status


def _run(arguments: list[str]) -> int:
    try:
        with group.make_context(PROGRAM, arguments) as context:
            status = group.invoke(context)
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return ExitReason.USAGE.status
    except Exception as error:
        return report_failure(error)
    assert isinstance(status, int), "a verb returns its exit status"
    return status


def _replace_closed_streams() -> None:
    """What was closed before we began: messages are lost, and a result cannot be written."""
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    if sys.stdout is None:
        unwritable = os.open(os.devnull, os.O_RDONLY)
        sys.stdout = os.fdopen(unwritable, "w", encoding="utf-8")


def _discard_stdout() -> None:
    """Nobody reads any more: keep the interpreter's last flush from saying so."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
