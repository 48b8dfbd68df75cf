# SPDX-License-Identifier: GPL-2.0-or-later
"""Figures that are no ratio: a code page, the start of the command."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from vmm.bench.session import Result
from vmm.bench.workload import Platform

PAGE_LIMIT, START_LIMIT = 1e6, 0.3e9  # ns


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


CODE_PAGE, START = "code-page", "start"
SAYS = {
    CODE_PAGE: "4 KiB of code made and scanned: fast minus native",
    START: "patchvisor run hello: from exec to the guest's first output",
}
NEEDS: dict[str, tuple[str, ...]] = {CODE_PAGE: ("scanned-pages",), START: ()}
"""The workloads from whose results a figure follows."""


def figures(results: Mapping[str, Result]) -> list[Figure]:
    """Every figure whose workloads have all been measured."""
    pages = results.get(NEEDS[CODE_PAGE][0])
    if pages is None:
        return []
    patched, native = pages.nanoseconds(Platform.FAST), pages.nanoseconds(Platform.NATIVE)
    if patched is None or native is None:
        return []
    return [Figure(CODE_PAGE, SAYS[CODE_PAGE], patched - native, PAGE_LIMIT)]


def start_of_hello(rounds: int) -> Figure:
    """The first byte comes after the first instruction, so the figure is a bound; the quickest of the rounds counts.

    One run before makes the guest's image and Python's compiled files, as an earlier use of the program does.
    """
    times = [_first_byte() for _ in range(rounds + 1)][1:]
    return Figure(START, SAYS[START], min(times) * 1e9, START_LIMIT)


def _first_byte() -> float:
    """Seconds until the guest's output: the process's own time where the system tells it, else the wall's."""
    command = [sys.executable, "-m", "vmm", "run", "hello"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    before = time.perf_counter()
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, bufsize=0, env=environment
    ) as process:
        assert process.stdout is not None
        process.stdout.read(1)
        after = time.perf_counter()
        taken = _processor_time(process.pid)
        process.stdout.read()
    return after - before if taken is None else taken


def _processor_time(pid: int) -> float | None:
    """Seconds that all threads of a process have run (Linux, proc(5), schedstat); None where that is not told."""
    try:
        files = list(Path(f"/proc/{pid}/task").glob("*/schedstat"))
        return sum(int(file.read_text().split()[0]) for file in files) / 1e9 if files else None
    except OSError:
        return None
