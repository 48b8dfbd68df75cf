# SPDX-License-Identifier: GPL-2.0-or-later
"""Audits over all cores: a process each, so that a file that ends its process costs the others nothing.

A process that dies (out of memory, a fault in a library) breaks the whole pool and does not say which file it had. The
files that were under way are then tried again, each alone; one that ends its process again is reported as unreadable.
"""

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Final

from patcher.archive.shown import shown_path
from patcher.auditing.many import Outcome, Runner, Task, Work
from patcher.auditing.model import Unreadable

AHEAD: Final = 4
"""Files per process that are handed out before they are due: few, since all of them are tried again after a death."""

Waiting = dict["Future[Outcome]", Task]


def pool(jobs: int) -> Runner:
    """A runner over `jobs` processes. Outcomes come as they are ready; large files begin first."""

    def run(work: Work, tasks: Iterable[Task]) -> Iterator[Outcome]:
        left = sorted(tasks, key=_size)
        if jobs == 1 or len(left) < 2:
            yield from map(work, reversed(left))
            return
        while left:
            suspects: list[Task] = []
            yield from _until_a_death(work, left, suspects, min(jobs, len(left)))
            for task in suspects:
                yield _alone(work, task)

    return run


def _size(task: Task) -> tuple[int, str]:
    """Small files last in the list, which is taken from its end."""
    try:
        return os.stat(task.path).st_size, task.path
    except OSError:
        return 0, task.path


@contextlib.contextmanager
def _executor(jobs: int) -> Iterator[ProcessPoolExecutor]:
    """Processes that start from a clean one: this one may have threads, which a fork would leave in the middle.

    When the block is left early, by Ctrl-C for one, what they were doing ends at once. All are waited for: the
    interpreter would trip over a pool that is half gone when it ends itself.
    """
    others = set(multiprocessing.active_children())
    executor = _started(jobs)
    try:
        yield executor
    except BaseException:
        for child in set(multiprocessing.active_children()) - others:
            child.kill()
        raise
    finally:
        executor.shutdown(cancel_futures=True)


def _started(jobs: int) -> ProcessPoolExecutor:
    context = multiprocessing.get_context("forkserver" if os.name == "posix" else "spawn")
    if os.name == "posix":
        context.set_forkserver_preload(["patcher.auditing.many", "patcher.follow"])
    return ProcessPoolExecutor(jobs, context, initializer=_belong_to_the_parent)


def _belong_to_the_parent() -> None:
    """Ctrl-C is for the parent to see; and when it is killed, nobody would ever tell this process to end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_the_parent, daemon=True).start()


def _end_with_the_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _until_a_death(work: Work, left: list[Task], suspects: list[Task], jobs: int) -> Iterator[Outcome]:
    """Take tasks from the end of `left` until it is empty or a process dies; then `suspects` holds those under way."""
    with _executor(jobs) as executor:
        waiting: Waiting = {}
        try:
            while left or waiting:
                while left and len(waiting) < jobs * AHEAD:
                    waiting[executor.submit(work, left[-1])] = left[-1]
                    left.pop()
                yield from _ready(waiting)
        except BrokenProcessPool:
            suspects += waiting.values()


def _ready(waiting: Waiting) -> Iterator[Outcome]:
    """The outcomes that are there; waits for one at least."""
    done, _ = wait(waiting, return_when=FIRST_COMPLETED)
    for future in done:
        outcome = future.result()  # before it is taken out: a death leaves it among the suspects
        del waiting[future]
        yield outcome


def _alone(work: Work, task: Task) -> Outcome:
    with _executor(1) as executor:
        try:
            return executor.submit(work, task).result()
        except BrokenProcessPool:
            reason = "The process that audited it was ended from outside, perhaps for want of memory."
            return Outcome(task.path, unreadable=(Unreadable(shown_path(Path(task.path)), reason),))
