# SPDX-License-Identifier: GPL-2.0-or-later
"""What the command says when something fails: one sentence on stderr, and the exit status that goes with
it.
"""

import errno
import os
import sys

import click

from patcher.errors import PatcherError
from vmm.errors import BootError, Unsupported, VmmError
from vmm.limits import BadLimit
from vmm.report.run_report import ExitReason

#: The result could not be written (EX_IOERR of sysexits.h).
OUTPUT_LOST = 74

#: Set to anything to see the traceback of a fault of ours.
TRACEBACK_VARIABLE = "PATCHVISOR_TRACEBACK"


class NoImage(BootError):
    """There is no such image, initrd or guest, or it cannot be read."""


_STATUSES = (
    (BootError, ExitReason.NO_IMAGE.status),
    (Unsupported, ExitReason.UNSUPPORTED.status),
    (BadLimit, ExitReason.USAGE.status),
    (OSError, OUTPUT_LOST),
)


def report_failure(error: Exception) -> int:
    """Print the sentence for `error` to stderr and return the exit status."""
    if isinstance(error, click.UsageError):
        return _usage(error)
    if isinstance(error, BrokenPipeError):
        raise error
    status = failure_status(error)
    say(_sentence(error, status))
    return status


def failure_status(error: Exception) -> int:
    """The exit status that stands for `error`."""
    return next((status for kind, status in _STATUSES if isinstance(error, kind)), ExitReason.INTERNAL.status)


def say(sentence: str) -> None:
    """A line on stderr under the program's name, without what steers a terminal; silent when stderr is gone."""
    shown = "".join(c if c.isprintable() or c in "\n\t" else f"\\x{ord(c):02x}" for c in sentence)
    try:
        print(f"patchvisor: {shown}", file=sys.stderr, flush=True)
    except OSError as error:
        if error.errno not in (errno.EPIPE, errno.EBADF):
            raise


def _usage(error: click.UsageError) -> int:
    say(error.format_message())
    if error.ctx is not None:
        print(f"Try '{error.ctx.command_path} --help' for help.", file=sys.stderr)
    return ExitReason.USAGE.status


def _sentence(error: Exception, status: int) -> str:
    if isinstance(error, (VmmError, PatcherError)):
        return str(error)
    if isinstance(error, OSError):
        reason = error.strerror or str(error)
        return (
            f"{error.filename}: {reason}" if error.filename else f"the result could not be written: {reason}"
        )
    return _our_fault(error)


def _our_fault(error: Exception) -> str:
    """A fault of the program itself: say so, where it was, and how to see more."""
    if os.environ.get(TRACEBACK_VARIABLE):
        import traceback

        traceback.print_exception(error)
    where = ""
    if error.__traceback__ is not None:
        last = error.__traceback__
        while last.tb_next is not None:
            last = last.tb_next
        where = f" ({os.path.basename(last.tb_frame.f_code.co_filename)}:{last.tb_lineno})"
    what = f"{type(error).__name__}: {error}{where}"
    return f"internal error, a fault of patchvisor: {what}; {TRACEBACK_VARIABLE}=1 shows the traceback"
