# SPDX-License-Identifier: GPL-2.0-or-later
"""Values of QEMU-like options, from text: memory sizes, character devices, `-device` words, log items.

Each function is the `type` of a click option and raises BadParameter with a sentence.
"""

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NoReturn

import click

from vmm.trace import TraceItem, UnknownTraceItem, help_lines, parse_items

_SIZE = re.compile(r"(?:size=)?([0-9]+)([KMGkmg]?)")
_SHIFT = {"": 20, "k": 10, "m": 20, "g": 30}


@dataclass(frozen=True, slots=True)
class DebugExit:
    """Where an isa-debug-exit device sits: ports [iobase, iobase + iosize). The defaults are QEMU's."""

    iobase: int = 0x501
    iosize: int = 2


def memory_size(text: str) -> int:
    """`-m`: MiB, or a number with K, M or G; the result is in MiB."""
    match = _SIZE.fullmatch(text)
    if match is None:
        raise click.BadParameter(f"{text!r} is not a memory size: write MiB, or a number with K, M or G")
    size, rest = divmod(int(match[1]) << _SHIFT[match[2].lower()], 1 << 20)
    if size == 0 or rest:
        raise click.BadParameter(f"{text!r} is not a whole number of MiB above zero")
    return size


def address(text: str) -> int:
    """`--load-at`: a guest-physical address, decimal or 0x."""
    try:
        value = int(text, 0)
    except ValueError:
        raise click.BadParameter(f"{text!r} is not an address: write 0x100000 or 1048576") from None
    if not 0 <= value < 1 << 32:
        raise click.BadParameter(f"{text} is not within 4 GiB")
    return value


def keep_apart(output: str | None, read: Iterable[str]) -> None:
    """Raise UsageError when `-o` names one of the files that are to be read: it would be lost."""
    for path in read:
        if (
            output is not None
            and os.path.exists(output)
            and os.path.exists(path)
            and os.path.samefile(output, path)
        ):
            raise click.UsageError(f"-o {output} is what is to be read, and would be lost")


def chardev(*words: str) -> Callable[[str], str]:
    """`-serial`, `-debugcon`: one of `words`, or file:PATH; the text is not changed."""

    def convert(text: str) -> str:
        if text in words or re.fullmatch("file:.+", text):
            return text
        raise click.BadParameter(f"{text!r} is not one of {', '.join(words)}, file:PATH")

    return convert


def debug_exit(text: str) -> DebugExit:
    """`-device isa-debug-exit,iobase=N,iosize=N`: the only device that can be added."""
    name, *properties = text.split(",")
    if name == "help":
        _show(["isa-debug-exit,iobase=N,iosize=N"])
    if name != "isa-debug-exit":
        raise click.BadParameter(f"{name!r} is not a device that can be added; there is isa-debug-exit")
    return DebugExit(**dict(_property(one) for one in properties))


def _property(text: str) -> tuple[str, int]:
    """`iobase=0xf4` as a pair."""
    name, _, number = text.partition("=")
    if name not in ("iobase", "iosize"):
        raise click.BadParameter(f"isa-debug-exit: {name!r} is not a property; there are iobase and iosize")
    try:
        value = int(number, 0)
    except ValueError:
        raise click.BadParameter(f"isa-debug-exit: {name}={number} is not a number") from None
    if value not in (range(0x10000) if name == "iobase" else range(1, 5)):
        raise click.BadParameter(f"isa-debug-exit: {name}={number} is out of range")
    return name, value


def cpu_name(text: str) -> str:
    """`-cpu`: the name of a processor model."""
    from vmm.cpu_model import MODELS

    if text == "help":
        _show(MODELS)
    if text not in MODELS:
        raise click.BadParameter(f"{text!r} is not a processor; choose from {', '.join(MODELS)}")
    return text


def trace_items(text: str) -> frozenset[TraceItem]:
    """`-d`: words separated by commas."""
    if text == "help":
        _show(help_lines())
    try:
        return parse_items(text)
    except UnknownTraceItem as error:
        raise click.BadParameter(str(error)) from None


def _show(lines: Iterable[str]) -> NoReturn:
    """The answer to an option's `help`: lines on stdout, and a good end."""
    for line in lines:
        click.echo(line)
    raise click.exceptions.Exit(0)
