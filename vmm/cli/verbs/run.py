# SPDX-License-Identifier: GPL-2.0-or-later
"""`patchvisor run`: launch an image, and end with the status that the guest or the monitor gives."""

from contextlib import ExitStack
from typing import TYPE_CHECKING

from vmm.cli.launch import open_machine
from vmm.cli.outcome import Outcome
from vmm.cli.qemu_options import QemuCommand
from vmm.cli.run_options import RunChoices, options
from vmm.cli.terminal import always_interruptible, terminal_kept
from vmm.limits import Limits
from vmm.report.run_report import ExitReason, RunReport

if TYPE_CHECKING:
    from vmm.machine import Machine

HELP = """\
Run IMAGE, or the file of -kernel, or one of our own guests by its name (see `patchvisor guests`).

The guest's serial port is stdout; all that we say ourselves goes to stderr. The exit status is what the guest
wrote to isa-debug-exit ((value << 1) | 1, odd), else one of ours (even): 0 power-off, 80 triple fault, 84
unsupported feature, 86 halted for ever, 124 limit, 66 no image, 70 our fault, 2 usage, 130 Ctrl-C.
"""


def run(choices: RunChoices) -> int:
    """Run what was chosen; returns the exit status."""
    Limits.of(
        choices.until, choices.timeout, choices.max_insns
    )  # what is wrong is told before anything is made
    with ExitStack() as ending:
        outcome = ending.enter_context(Outcome(choices))
        restore = ending.enter_context(terminal_kept())
        machine = ending.enter_context(open_machine(choices, outcome.trace))
        ending.enter_context(always_interruptible(restore))
        report = _run_machine(machine, choices)
    outcome.show(report)
    return report.exit_status


def _run_machine(machine: "Machine", choices: RunChoices) -> RunReport:
    """The run's report; Ctrl-C ends a run with a report, too."""
    try:
        return machine.run(until=choices.until, timeout=choices.timeout, max_insns=choices.max_insns)
    except KeyboardInterrupt:
        reason = ExitReason.INTERRUPTED
        texts = machine.serial.text, machine.screen.text
        return RunReport(reason, reason.status, "Ctrl-C ended the run.", *texts, machine.stats)


command = QemuCommand(
    "run",
    params=list(options()),
    callback=lambda **given: run(RunChoices(**given)),
    help=HELP,
    short_help="Run an image or one of our guests.",
    context_settings={"help_option_names": ["-h", "-help", "--help"]},
)
