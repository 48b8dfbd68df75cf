# SPDX-License-Identifier: GPL-2.0-or-later
"""Every option of `patchvisor run`, one row each, and the frozen record that they become."""

from collections.abc import Sequence
from dataclasses import dataclass

import click

from vmm.cli.values import DebugExit, address, chardev, cpu_name, debug_exit, memory_size, trace_items
from vmm.trace import TraceItem

POLICIES = ("fast", "trap", "native")
DISPLAYS = ("none", "text")
CLOCKS = ("host", "counted")


@dataclass(frozen=True, slots=True)
class RunChoices:
    """What the user chose; None and empty mean not chosen. Memory is in MiB, timeout in seconds."""

    image: str | None = None
    kernel: str | None = None
    append: str = ""
    initrd: str | None = None
    address: int | None = None
    memory: int | None = None
    cpu: str = "default"
    serial: str | None = None
    debugcon: str | None = None
    devices: tuple[DebugExit, ...] = ()
    display: str = "none"
    nographic: bool = False
    trace: frozenset[TraceItem] = frozenset()
    trace_file: str | None = None
    no_reboot: bool = False
    patches: str | None = None
    no_cache: bool = False
    policy: str = "fast"
    clock: str = "host"
    timeout: float | None = None
    max_insns: int | None = None
    until: str | None = None
    stats: bool = False
    stats_json: str | None = None
    exit_map: str | None = None
    as_json: bool = False


def options() -> Sequence[click.Parameter]:
    """The parameters of the verb: the image, QEMU's options, ours."""
    return (click.Argument(["image"], required=False), *_qemu_options(), *_our_options())


def _qemu_options() -> Sequence[click.Option]:
    """Spellings and meanings as in qemu-system-i386(1)."""
    return (
        _option("-kernel", "kernel", "FILE", "Boot this file: Multiboot, bzImage, ELF or flat."),
        _option("-append", "append", "TEXT", "The kernel's command line.", default=""),
        _option("-initrd", "initrd", "FILE", "Initial RAM disk, or Multiboot modules: FILE ARGS,FILE ARGS."),
        _option("-m", "memory", "SIZE", "Memory: MiB, or a number with K, M or G.  [128]", type=memory_size),
        _option("-cpu", "cpu", "MODEL", "Processor; help lists them.", type=cpu_name, default="default"),
        _option(
            "-serial", "serial", "DEV", "Serial port: stdio, mon:stdio, file:PATH, null, none.  [stdio]",
            type=chardev("stdio", "mon:stdio", "null", "none"),
        ),
        _option(
            "-debugcon", "debugcon", "DEV", "Debug console at port 0xe9: stdio, file:PATH, null.  [null]",
            type=chardev("stdio", "null"),
        ),
        _option(
            "-device", "devices", "DEV", "isa-debug-exit,iobase=N,iosize=N.  [at 0xf4 and at 0x501]",
            type=debug_exit, multiple=True,
        ),
        _option("-display", "display", "KIND", "none, or text: the 80x25 screen, drawn live.",
                type=click.Choice(DISPLAYS), default="none"),
        _flag("-nographic", "nographic", "The same as -display none -serial mon:stdio."),
        _option("-d", "trace", "ITEMS", "Log these items; help lists them.", type=trace_items, default=""),
        _option("-D", "trace_file", "FILE", "Write the log to FILE instead of stderr."),
        _flag("-no-reboot", "no_reboot", "End when the guest resets instead of starting it again."),
    )  # fmt: skip


def _our_options() -> Sequence[click.Option]:
    return (
        _option(
            "--policy", "policy", "NAME",
            "fast: traps and stubs; trap: a trap for each; native: ring 0, unpatched.  [fast]",
            type=click.Choice(POLICIES), default="fast",
        ),
        _option("--patches", "patches", "FILE", "Take patches from this map, which `patchvisor patch` made."),
        _flag("--no-cache", "no_cache", "Neither use nor keep what earlier runs of the image scanned."),
        _option("--load-at", "address", "ADDRESS", "Load the file at this address as a flat binary.",
                type=address),
        _option("--clock", "clock", "KIND", "host: the host's time; counted: time from instructions.  [host]",
                type=click.Choice(CLOCKS), default="host"),
        _option("--timeout", "timeout", "SECONDS", "End after this much host time, status 124.", type=float),
        _option("--max-insns", "max_insns", "N", "End after N guest instructions, status 124.", type=int),
        _option("--until", "until", "REGEX", "End, status 0, when serial or screen text matches."),
        _flag("--stats", "stats", "Print a table of counters to stderr at the end."),
        _option("--stats-json", "stats_json", "FILE", "Write the counters as JSON; - is stdout."),
        _option("--exit-map", "exit_map", "FILE", "Draw where the exits came from; - is stdout."),
        _flag("--json", "as_json", "Print the whole report as JSON; the serial port is not shown."),
    )  # fmt: skip


def _option(
    spelling: str, name: str, metavar: str, text: str, type: object = None, default: object = None,
    multiple: bool = False,
) -> click.Option:  # fmt: skip
    return click.Option(
        [spelling, name], metavar=metavar, help=text, type=type, default=default, multiple=multiple
    )


def _flag(spelling: str, name: str, text: str) -> click.Option:
    return click.Option([spelling, name], is_flag=True, help=text)
