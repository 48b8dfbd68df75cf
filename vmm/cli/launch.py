# SPDX-License-Identifier: GPL-2.0-or-later
"""From what the user chose to a machine that is ready to run."""

import sys
from typing import TYPE_CHECKING

import click

from vmm.cli.image import Image, file_or_guest, kernel_file
from vmm.cli.run_options import RunChoices
from vmm.trace import Trace

if TYPE_CHECKING:
    from pathlib import Path

    from vmm.machine import Machine

DEFAULT_MEMORY = 128


def open_machine(choices: RunChoices, trace: Trace | None) -> "Machine":
    """The machine, wired and loaded; a context manager that closes it. Raises BootError and UsageError."""
    image = chosen_image(choices)
    serial = chosen_serial(choices)
    for option, word in (("-serial", serial), ("-debugcon", choices.debugcon)):
        _check_writable(option, word)
    from vmm.machine import Machine

    return Machine(
        kernel=image.kernel,
        append=choices.append,
        initrd=choices.initrd,
        address=choices.address,
        memory=choices.memory or image.memory or DEFAULT_MEMORY,
        cpu=choices.cpu,
        policy=choices.policy,
        serial=serial,
        debugcon=choices.debugcon or "null",
        debug_exits=tuple((device.iobase, device.iosize) for device in choices.devices) or None,
        display=shown_display(choices),
        clock=choices.clock,
        no_reboot=choices.no_reboot,
        trace=trace,
        exit_map=choices.exit_map is not None,
        patches=choices.patches,
        page_cache=chosen_cache(choices),
        timed=choices.stats or choices.stats_json is not None or choices.as_json,
    )


def chosen_cache(choices: RunChoices) -> "Path | None":
    """Where scanned pages are kept between runs. Counted runs keep none: nothing outside may change how they go."""
    if choices.no_cache or choices.clock == "counted" or choices.policy == "native":
        return None
    from vmm.cli.guest_cache import cache_folder

    return cache_folder() / "pages"


def _check_writable(option: str, word: str | None) -> None:
    """An output file that cannot be made is the user's mistake, and is told before anything runs."""
    if word is None or not word.startswith("file:"):
        return
    try:
        open(word.removeprefix("file:"), "ab").close()
    except OSError as error:
        raise click.UsageError(f"{option} {word}: {error.strerror}") from None


def chosen_image(choices: RunChoices) -> Image:
    """The one image that was named, by position or by -kernel."""
    if choices.image is not None and choices.kernel is not None:
        raise click.UsageError(f"-kernel {choices.kernel} and IMAGE {choices.image}: give one of them")
    if choices.kernel is not None:
        return kernel_file(choices.kernel)
    if choices.image is None:
        raise click.UsageError(
            "nothing to run: give IMAGE or -kernel FILE ('patchvisor run hello' is a start)"
        )
    return file_or_guest(choices.image)


def shown_display(choices: RunChoices) -> str:
    """What the machine draws while it runs: nothing where there is no terminal to draw on."""
    drawn = choices.display == "text" and not choices.nographic and sys.stdout.isatty()
    return "text" if drawn else "none"


def chosen_serial(choices: RunChoices) -> str:
    """Where the first serial port goes: as told, else to whatever has standard output for itself."""
    if choices.serial is not None:
        if choices.as_json and choices.serial.endswith("stdio"):
            raise click.UsageError(f"-serial {choices.serial} and --json: both want standard output")
        return choices.serial
    if choices.nographic and not choices.as_json:
        return "mon:stdio"
    return "null" if choices.as_json or choices.display == "text" else "stdio"
