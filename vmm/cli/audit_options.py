# SPDX-License-Identifier: GPL-2.0-or-later
"""The options of `patchvisor audit`, and the values that they give."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from patcher.errors import PatcherError
from vmm.cli.values import memory_size

if TYPE_CHECKING:
    from patcher.auditing.ignore import Ignore
    from patcher.auditing.level import Level
    from patcher.auditing.model import AuditReport, Tier
    from patcher.auditing.options import AuditOptions

Command = TypeVar("Command", bound=Callable[..., Any])
TIERS = ("confirmed", "likely", "possible", "overlapping", "all")
AROUND = 3
YEAR = 366 * 86400


@dataclass(frozen=True, slots=True)
class AuditChoices:
    """What the command line says, checked word by word."""

    paths: tuple[str, ...]
    mode: str | None
    base: int
    entry: int | None
    cpl: str
    iopl: str
    form: str
    output: str | None
    verbose: bool
    tier: tuple[str, ...]
    fail_on: str
    baseline: str | None
    config: str | None
    max_seconds: float | None
    max_memory: int


def on_disk(text: str) -> str:
    """`PATH`: a file or folder; what is read has a size, and a name by which the report tells it."""
    if text == "-":
        raise click.BadParameter("standard input is not read: write it to a file, and name that")
    if not text:
        raise click.BadParameter("an empty path names nothing; '.' is this folder")
    return text


def address(text: str) -> int:
    """`--base`, `--entry`: an address of up to 64 bits, decimal or 0x."""
    try:
        value = int(text, 0)
    except ValueError:
        raise click.BadParameter(f"{text!r} is not an address: write 0x7c00 or 31744") from None
    if not 0 <= value < 1 << 64:
        raise click.BadParameter(f"{text} does not fit in 64 bits")
    return value


def seconds(text: str) -> float:
    """`--max-seconds`: more than none, at most a year."""
    try:
        value = float(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is not a number of seconds") from None
    if not 0 < value <= YEAR:
        raise click.BadParameter(f"{text!r} is not between 0 and {YEAR} seconds")
    return value


def form_name(text: str) -> str:
    """`--format`: the name of a form; one file each in patcher/report/."""
    from patcher.report.form import form, forms

    if not text.isidentifier() or form(text) is None:
        raise click.BadParameter(f"{text!r} is no format; there is {', '.join(forms())}")
    return text


def with_options(command: Command) -> Command:
    """The options, in the order of the help."""
    return decorated(command, _OPTIONS)


def decorated(command: Command, options: Sequence[Callable[[Command], Command]]) -> Command:
    """A command with these options and arguments before those that it has."""
    for decorate in reversed(options):
        command = decorate(command)
    return command


_OPTIONS = (
    click.argument("paths", nargs=-1, type=on_disk, required=True, metavar="PATH..."),
    click.option("--mode", type=click.Choice(("16", "32", "64")), help="Read the files as raw code of this width."),
    click.option("--base", type=address, default="0", metavar="ADDR", help="With --mode: where the bytes lie.  [0]"),
    click.option("--entry", type=address, metavar="ADDR", help="With --mode: where they are entered.  [the base]"),
    click.option("--cpl", type=click.Choice(("0", "3", "auto")), default="auto", show_default=True,
                 help="The ring that the code runs in; auto: as the file says, 0 when it does not."),
    click.option("--iopl", type=click.Choice(("0", "3")), default="0", show_default=True,
                 help="The I/O privilege that user code has."),
    click.option("--format", "form", type=form_name, default="text", metavar="FORM",
                 help="text, json, sarif, html or csv.  [text]"),
    click.option("-o", "--output", metavar="FILE", help="Write the report there, not to stdout."),
    click.option("-v", "--verbose", is_flag=True, help="Show harmless findings too, and the code around each."),
    click.option("--tier", type=click.Choice(TIERS), multiple=True,
                 help="Report these tiers; repeatable.  [confirmed, likely]"),
    click.option("--fail-on", default="hole", show_default=True, metavar="LEVEL",
                 help="hole, unproved, privileged, any or nothing; with tiers: hole:confirmed+likely."),
    click.option("--baseline", metavar="FILE", help="An earlier JSON report: report only what is new."),
    click.option("--config", metavar="FILE",
                 help="What to ignore.  [the nearest .patchvisor.toml here or above]"),
    click.option("--max-seconds", type=seconds, metavar="N",
                 help="For each file; then what was found is reported.  [120, or 4 a MB of the file]"),
    click.option("--max-memory", type=memory_size, default="2048", show_default=True, metavar="SIZE",
                 help="For each file, in MiB or with K, M, G."),
)  # fmt: skip


def shows_around(name: str, verbose: bool) -> bool:
    """Does a form show the instructions around each finding?"""
    from patcher.report.form import form

    shown = form(name)
    return shown is not None and (shown.wants_around or verbose)


def audit_options(choices: AuditChoices, fail_on: "Level", is_part: bool = False) -> "AuditOptions":
    """The library's options. A part of an audit gathers what any form of the whole may show. Raises UsageError
    for what contradicts itself.
    """
    from patcher.auditing.options import AuditOptions, Raw

    if choices.mode is None and (choices.base or choices.entry is not None):
        raise click.UsageError("--base and --entry are for raw bytes: give --mode as well")
    raw = None if choices.mode is None else Raw(int(choices.mode), choices.base, choices.entry)
    return AuditOptions(
        raw=raw,
        cpl=None if choices.cpl == "auto" else int(choices.cpl),
        iopl=int(choices.iopl),
        tiers=_tiers(choices.tier, fail_on),
        max_seconds=choices.max_seconds,
        max_memory=choices.max_memory << 20,
        around=AROUND if is_part or shows_around(choices.form, choices.verbose) else 0,
        hard_limits=True,
    )


def _tiers(words: tuple[str, ...], fail_on: "Level") -> "frozenset[Tier]":
    """The tiers that are reported: what decides the status by its name is shown, too."""
    from patcher.auditing.model import Tier
    from patcher.auditing.options import SURE

    if "all" in words:
        return frozenset(Tier)
    return (frozenset(map(Tier, words)) or SURE) | (fail_on.tiers if fail_on.named else frozenset())


def level(choices: AuditChoices) -> "Level":
    """What makes the status 1. Raises UsageError."""
    from patcher.auditing.level import parse_level

    try:
        return parse_level(choices.fail_on)
    except PatcherError as error:
        raise click.UsageError(f"--fail-on {choices.fail_on}: {error}") from None


def baseline(choices: AuditChoices) -> "AuditReport | None":
    """The earlier report. Raises UsageError when it cannot be read."""
    if choices.baseline is None:
        return None
    from patcher.report.json_report import read_report_file

    try:
        return read_report_file(choices.baseline)
    except OSError as error:
        raise click.UsageError(f"--baseline {choices.baseline}: {error.strerror}") from None
    except PatcherError as error:
        raise click.UsageError(f"--baseline: {error}") from None


def ignores(choices: AuditChoices) -> "tuple[Ignore, ...]":
    """What to ignore. Raises UsageError when the file is wrong."""
    from patcher.auditing.ignore import nearest, read_ignores

    file = Path(choices.config) if choices.config is not None else nearest(Path.cwd())
    if file is None:
        return ()
    try:
        return read_ignores(file)
    except PatcherError as error:
        raise click.UsageError(str(error)) from None
