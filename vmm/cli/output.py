# SPDX-License-Identifier: GPL-2.0-or-later
"""Files that a command writes for others to read: they see the old one or the new one, whole, never a part.

What is written goes to a file of its own beside the wanted one, which it replaces when it is complete. A pipe or a
device is written to as it is.
"""

import io
import os
import secrets
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, BinaryIO, TextIO

import click

if TYPE_CHECKING:
    from patcher.auditing.model import AuditReport
    from patcher.report.form import Options


def check_output(path: str) -> None:
    """Raise UsageError when nothing can be written at `-o PATH`: better now than when the work is done."""
    if not path:
        raise click.UsageError("-o: an empty path names nothing")
    there = os.path.exists(path)
    folder = os.path.dirname(os.path.realpath(path))
    if os.path.isdir(path):
        raise click.UsageError(f"-o {path}: Is a directory")
    if not there and not os.path.isdir(folder):
        raise click.UsageError(f"-o {path}: No such file or directory")
    if not os.access(path if there else folder, os.W_OK):
        raise click.UsageError(f"-o {path}: Permission denied")


@contextmanager
def whole_file(path: str) -> Iterator[BinaryIO]:
    """A stream whose contents are at `path` when the block ends well. Raises OSError."""
    wanted = os.path.realpath(path)
    if not _can_be_replaced(wanted):
        with open(wanted, "wb") as stream:
            yield stream
        return
    temporary = f"{wanted}.{secrets.token_hex(4)}.part"
    try:
        with open(temporary, "xb") as stream:
            yield stream
        with suppress(FileNotFoundError):
            os.chmod(temporary, stat.S_IMODE(os.stat(wanted).st_mode))
        os.replace(temporary, wanted)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


@contextmanager
def whole_text(path: str) -> Iterator[TextIO]:
    """The same for text, as UTF-8 with its line ends as they are."""
    with whole_file(path) as stream, io.TextIOWrapper(stream, encoding="utf-8", newline="") as text:
        yield text


def _can_be_replaced(path: str) -> bool:
    """Is it a regular file, or none yet, in a folder where another one can be made?"""
    regular = os.path.isfile(path) or not os.path.lexists(path)
    return regular and os.access(os.path.dirname(path), os.W_OK)


def _fit_stdout(is_text: bool) -> None:
    """Let every character be written: what a terminal's encoding lacks as an escape, and for programs all as UTF-8."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        if is_text:
            sys.stdout.reconfigure(errors="backslashreplace")
        else:
            sys.stdout.reconfigure(encoding="utf-8")


def write_report(report: "AuditReport", name: str, options: "Options", path: str | None) -> None:
    """Draw a report in the form of a name, at `path` or on stdout. Raises OSError."""
    from patcher.report.form import form

    chosen = form(name)
    assert chosen is not None, f"{name} was a format when the options were read"
    pieces = chosen.render(report, options)
    if path is not None:
        with whole_text(path) as stream:
            stream.writelines(pieces)
        return
    _fit_stdout(is_text=name == "text")
    sys.stdout.writelines(pieces)
    sys.stdout.flush()
