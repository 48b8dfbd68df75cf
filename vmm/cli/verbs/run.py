# SPDX-License-Identifier: GPL-2.0-or-later
"""`patchvisor run`: launch an image, and end with the status that the guest or the monitor gives."""

from contextlib import ExitStack
from dataclasses import replace
from signal import SIGINT, Signals

from vmm.cli.launch import open_machine
from vmm.cli.outcome import Outcome
from vmm.cli.qemu_options import QemuCommand
from vmm.cli.run_options import RunChoices, options
from vmm.cli.terminal import ended_by_signals, terminal_kept
from vmm.limits import Limits
from vmm.report.run_report import ExitReason, RunReport

HELP = """\
Run IMAGE, or the file of -kernel, or one of our own guests by its name (see `patchvisor guests`).

The guest's serial port is stdout; all that we say ourselves goes to stderr. The exit status is what the guest
wrote to isa-debug-exit ((value << 1) | 1, odd), else one of ours (even): 0 power-off, 80 triple fault, 84
unsupported feature, 86 halted for ever, 124 limit, 66 no image, 70 our fault, 2 usage, 130 Ctrl-C.
"""


def run(choices: RunChoices) -> int:
    """Run what was chosen; returns the exit status."""
    limits = choices.until, choices.timeout, choices.max_insns
    Limits.of(*limits)  # what is wrong with them is told before anything is made
    with ExitStack() as ending:
        outcome = ending.enter_context(Outcome(choices))
        restore = ending.enter_context(terminal_kept())
        machine = ending.enter_context(open_machine(choices, outcome.trace))
        signals = ending.enter_context(ended_by_signals(machine.stop, restore))
        report = machine.run(*limits)
    report = _named(report, signals)
    outcome.show(report)
    return report.exit_status


def _named(report: RunReport, signals: list[int]) -> RunReport:
    """The report of an interrupted run, with the signal's name and status."""
    if report.reason is not ExitReason.INTERRUPTED or not signals:
        return report
    name = "Ctrl-C" if signals[0] == SIGINT else Signals(signals[0]).name
    return replace(report, message=f"{name} ended the run.", exit_status=128 + signals[0])


command = QemuCommand(
    "run",
    params=list(options()),
    callback=lambda **given: run(RunChoices(**given)),
    help=HELP,
    short_help="Run an image or one of our guests.",
    context_settings={"help_option_names": ["-h", "-help", "--help"]},
)
