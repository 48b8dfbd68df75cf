# SPDX-License-Identifier: GPL-2.0-or-later
"""Figures that are no ratio to a native run: an exit, a TLB fill, a code page, the start of the command."""

import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median

from vmm.bench.session import Result
from vmm.bench.workload import Platform

EXIT_HOOKS, FILL_HOOKS = 10.0, 1.5  # design: 3 us where an empty hook costs 0.3; 1.5 times an empty fill hook
CODE_PAGE, START = 1e6, 0.3e9  # ns
START_NAME = "start"
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
class Kind:
    """How to get a figure: the workloads whose results it is made from, and how."""

    name: str
    says: str
    needs: tuple[str, ...]
    figure: Callable[[Mapping[str, Result]], tuple[float, float] | None]  # (measured, most), both in ns


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
    patched, native = (_time(results, "fresh-pages", platform) for platform in (Platform.FAST, Platform.NATIVE))
    return patched - native, CODE_PAGE


KINDS = (
    Kind("exit", "pushf trapped, at most 10 empty hooks", ("pushf", "empty-hook"), _exit),
    Kind("tlb-fill", "one page's fill, at most 1.5 times a fill hook that answers from a dict", ("cr3-64", "cr3-1"), _fill),
    Kind("code-page", "a page of code made, scanned and checked: patched minus native", ("fresh-pages",), _code_page),
)


def figures(results: Mapping[str, Result]) -> list[Figure]:
    """Every figure whose workloads have all been measured."""
    found = []
    for kind in KINDS:
        try:
            measured = kind.figure(results)
        except LookupError:
            continue
        if measured is not None:
            found.append(Figure(kind.name, kind.says, *measured))
    return found


def start_of_hello(rounds: int) -> Figure:
    """From exec of `patchvisor run hello` to the first byte that the guest sends, its image in the cache."""
    times = [_first_byte() for _ in range(rounds + 1)][1:]
    return Figure(START_NAME, "patchvisor run hello: exec to the guest's first output", median(times) * 1e9, START)


def _first_byte() -> float:
    command = [sys.executable, "-m", "vmm", "run", "hello"]
    before = time.perf_counter()
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, bufsize=0) as process:
        assert process.stdout is not None
        process.stdout.read(1)
        after = time.perf_counter()
        process.stdout.read()
    return after - before
