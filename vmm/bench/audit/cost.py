# SPDX-License-Identifier: GPL-2.0-or-later
"""What a whole audit costs: time and memory of a process that does nothing else.

The process is a child, so that neither the measuring one's memory nor what it has imported is counted. Peak memory is
what getrusage says (ru_maxrss). Where several processes work, only the clock tells: they are no children of that one.
"""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from vmm.bench.audit.tools import ToolError

_KIB: Final = 1 << 10 if sys.platform != "darwin" else 1
_PROGRAM: Final = "from vmm.bench.audit.cost import main; main()"
_USUAL: Final = 20_000_000  # bytes of files that are taken when nobody names any


@dataclass(frozen=True, slots=True)
class Cost:
    """An audit of `files` by `jobs` processes: seconds by the clock, and for one process alone those of processor
    time and peak memory in bytes.
    """

    files: int
    unreadable: int
    jobs: int
    code: int
    findings: int
    elapsed: float
    processor: float | None
    peak: int | None

    @property
    def megabytes_per_second(self) -> float:
        """Of code, a core: 1,000,000 bytes to a second of processor time, else of the clock's time for each process."""
        seconds = self.elapsed * self.jobs if self.processor is None else self.processor
        return self.code / seconds / 1e6 if seconds else 0.0


def measure_cost(paths: Sequence[Path], jobs: int = 1) -> Cost:
    """Audit files and folders in a child."""
    arguments = [sys.executable, "-c", _PROGRAM, str(jobs), *map(str, paths)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(arguments, capture_output=True, text=True, env=environment, check=False)
    if done.returncode != 0:
        raise ToolError(f"The audit that was to be timed failed: {done.stderr.strip()[-500:]}")
    return Cost(**json.loads(done.stdout))


def main() -> None:
    """The child: audit what the command line names, and print the cost."""
    json.dump(asdict(_audited(sys.argv[2:], int(sys.argv[1]))), sys.stdout)


def _audited(paths: Sequence[str], jobs: int) -> Cost:
    from patcher.auditing.many import audit_many, in_order, tasks_of
    from patcher.auditing.options import AuditOptions
    from patcher.fleet.pool import pool

    tasks = list(tasks_of(paths))
    began = time.monotonic()
    report = audit_many(tasks, AuditOptions(), pool(jobs) if jobs > 1 else in_order)
    elapsed = time.monotonic() - began
    used = resource.getrusage(resource.RUSAGE_SELF)
    binaries = [binary for file in report.files for binary in file.binaries]
    return Cost(
        files=len(report.files),
        unreadable=len(report.unreadable),
        jobs=jobs,
        code=sum(binary.coverage.code for binary in binaries),
        findings=sum(len(binary.findings) for binary in binaries),
        elapsed=elapsed,
        processor=used.ru_utime + used.ru_stime if jobs == 1 else None,
        peak=used.ru_maxrss * _KIB if jobs == 1 else None,
    )


def usual_files() -> list[Path]:
    """What the machine has: the largest programs of /usr/bin, kernels in /boot that are not packed."""
    found = [*Path("/boot").glob("vmlinux*"), *Path("/usr/bin").iterdir()]
    ordered = sorted(filter(is_elf, found), key=lambda path: (-path.stat().st_size, path.name))
    chosen: list[Path] = []
    size = 0
    for path in ordered:
        if size + path.stat().st_size <= _USUAL or not chosen:
            chosen.append(path)
            size += path.stat().st_size
    return chosen


def is_elf(path: Path) -> bool:
    """Is it a regular file that begins as ELF files do?"""
    try:
        with path.open("rb") as stream:
            return path.is_file() and not path.is_symlink() and stream.read(4) == b"\x7fELF"
    except OSError:
        return False
