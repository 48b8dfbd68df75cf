# SPDX-License-Identifier: GPL-2.0-or-later
"""Figures that are no ratio to a native run: an exit, a TLB fill, a code page, the start of the command."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from vmm.bench.session import Result
from vmm.bench.workload import Platform

EXIT_HOOKS, FILL_HOOKS = 10.0, 1.5  # design: 3 us where an empty hook costs 0.3; 1.5 times an empty fill hook
CODE_PAGE, START_LIMIT = 1e6, 0.3e9  # ns
_PAGES = 63  # that cr3-64 loads from and cr3-1 does not


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure in nanoseconds, and the most it may be."""

    name: str
    says: str
    nanoseconds: float
    most: float

    @property
    def met(self) -> bool:
        return self.nanoseconds <= self.most


@dataclass(frozen=True, slots=True)
class Named:
    """What a figure is called, what it is, and the workloads whose results it is made from."""

    name: str
    says: str
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Kind(Named):
    """A figure that follows from the results of workloads. `measure` raises LookupError when one is missing."""

    measure: Callable[[Mapping[str, Result]], tuple[float, float]] = field(kw_only=True)  #: (measured, most), in ns


def _time(results: Mapping[str, Result], workload: str, platform: Platform) -> float:
    nanoseconds = results[workload].nanoseconds(platform)
    if nanoseconds is None:
        raise LookupError(workload)
    return nanoseconds


def _exit(results: Mapping[str, Result]) -> tuple[float, float]:
    return _time(results, "pushf", Platform.TRAP), EXIT_HOOKS * _time(results, "empty-hook", Platform.BARE)


def _fill(results: Mapping[str, Result]) -> tuple[float, float]:
    ours, empty = (
        (_time(results, "cr3-64", platform) - _time(results, "cr3-1", platform)) / _PAGES
        for platform in (Platform.FAST, Platform.BARE)
    )
    return ours, FILL_HOOKS * empty


def _code_page(results: Mapping[str, Result]) -> tuple[float, float]:
    patched, native = (_time(results, "scanned-pages", platform) for platform in (Platform.FAST, Platform.NATIVE))
    return patched - native, CODE_PAGE


KINDS = (
    Kind("exit", "pushf trapped, at most 10 empty hooks", ("pushf", "empty-hook"), measure=_exit),
    Kind("tlb-fill", "one fill, at most 1.5 fill hooks that answer from a dict", ("cr3-64", "cr3-1"), measure=_fill),
    Kind("code-page", "4 KiB of code made and scanned: fast minus native", ("scanned-pages",), measure=_code_page),
)
START = Named("start", "patchvisor run hello: from exec to the guest's first output")


def figures(results: Mapping[str, Result]) -> list[Figure]:
    """Every figure whose workloads have all been measured."""
    found = []
    for kind in KINDS:
        try:
            found.append(Figure(kind.name, kind.says, *kind.measure(results)))
        except LookupError:
            continue
    return found


def start_of_hello(rounds: int) -> Figure:
    """The first byte comes after the first instruction, so the figure is a bound; of the rounds the quickest counts,
    since this is the clock on the wall and a busy machine only adds.

    One run before makes the guest's image and Python's compiled files, as an earlier use of the program does.
    """
    times = [_first_byte() for _ in range(rounds + 1)][1:]
    return Figure(START.name, START.says, min(times) * 1e9, START_LIMIT)


def _first_byte() -> float:
    command = [sys.executable, "-m", "vmm", "run", "hello"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    before = time.perf_counter()
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, bufsize=0, env=environment
    ) as process:
        assert process.stdout is not None
        process.stdout.read(1)
        after = time.perf_counter()
        process.stdout.read()
    return after - before
