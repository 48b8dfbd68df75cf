# SPDX-License-Identifier: GPL-2.0-or-later
"""What is done, written down as it is done, so that a run that was ended goes on where it was.

A journal is a text file: a line with what the outcomes depend on, then a line an outcome with the size and time of its
file. A last line that was cut off is left out; a file that changed since is audited again. One run at a time has it.
"""

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha256
from pathlib import Path

import patcher
from patcher.auditing.many import Outcome, Runner, Task, Work
from patcher.auditing.options import AuditOptions
from patcher.errors import PatcherError
from patcher.report.records import from_json, to_json


@dataclass(frozen=True, slots=True)
class Line:
    """An outcome, and what its file was like: size in bytes, time of change in nanoseconds."""

    size: int
    time: int
    outcome: Outcome


class Journal:
    """The journal at `path`, made if need be. Raises `PatcherError` when it is of a run with other options."""

    def __init__(self, path: str, options: AuditOptions) -> None:
        self.path = path
        self.done: dict[str, Line] = {}
        self._file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o666), "r+b")
        try:
            self._lock()
            self._begin(json.dumps({"journal": "patchvisor.audit", "of": _digest(options)}).encode() + b"\n")
        except BaseException:
            self._file.close()
            raise

    def _lock(self) -> None:
        """Keep others out until this process ends, however it does; the system sees to that."""
        try:
            import fcntl
        except ImportError:  # not on this system
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PatcherError(f"{self.path} is in use by another audit.") from None

    def _begin(self, head: bytes) -> None:
        """Take over what the file says, and go on behind its last whole line."""
        text = self._file.read()
        if not text.startswith(head) and not head.startswith(text):
            raise PatcherError(
                f"{self.path} is no journal of an audit by this version with these options; name another file."
            )
        lines = text.split(b"\n")[:-1]
        for number, line in enumerate(lines[1:], 2):
            self._take(line, f"{self.path}:{number}")
        self._file.seek(sum(len(line) + 1 for line in lines))
        self._file.truncate()
        if not lines:
            self._write(head)

    def _write(self, line: bytes) -> None:
        self._file.write(line)
        self._file.flush()

    def _take(self, line: bytes, where: str) -> None:
        try:
            document = json.loads(line)
        except (ValueError, RecursionError):
            raise PatcherError(f"{where} is damaged; delete the journal and begin again.") from None
        found = from_json(Line, document, where)
        self.done[found.outcome.path] = found

    def add(self, outcome: Outcome) -> None:
        """Write down an outcome, at once: nothing that is done is lost when the process is ended."""
        line = _line(outcome)
        if line is not None:
            self._write(json.dumps(to_json(line)).encode() + b"\n")

    def known(self, task: Task) -> Outcome | None:
        """The outcome of a task, when its file is as it was."""
        found = self.done.get(task.path)
        return found.outcome if found is not None and found == _line(found.outcome) else None

    def close(self) -> None:
        """Give the file back."""
        self._file.close()


def resuming(journal: Journal, runner: Runner) -> Runner:
    """A runner that takes from the journal what it knows, gives the rest to `runner`, and writes that down."""

    def run(work: Work, tasks: Iterable[Task]) -> Iterator[Outcome]:
        left = []
        for task in tasks:
            outcome = journal.known(task)
            if outcome is None:
                left.append(task)
            else:
                yield outcome
        for outcome in runner(work, left):
            journal.add(outcome)
            yield outcome

    return run


def _digest(options: AuditOptions) -> str:
    """What outcomes depend on besides the files."""
    tiers = sorted(tier.value for tier in options.tiers)  # a set's own order is another in each process
    said = f"{replace(options, tiers=frozenset())!r} {tiers} {_version()}"
    return sha256(said.encode()).hexdigest()[:32]


@cache
def _version() -> str:
    """A digest of all of the patcher: another one may find something else in the same file."""
    folder, digest = Path(patcher.__file__).parent, sha256()
    for file in sorted(folder.rglob("*.py")):
        digest.update(f"{file.relative_to(folder)} {file.stat().st_size}\n".encode() + file.read_bytes())
    return digest.hexdigest()


def _line(outcome: Outcome) -> Line | None:
    try:
        found = os.stat(outcome.path)
    except OSError:
        return None
    return Line(found.st_size, found.st_mtime_ns, outcome)
