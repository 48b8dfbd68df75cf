# SPDX-License-Identifier: GPL-2.0-or-later
"""Audits on a Dask cluster that is already there; the only module that imports `distributed`.

The workers need patchvisor and see the files under the same paths. What a worker had when it was lost is done again by
another one; outcomes come as they are ready.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Final, Protocol

from patcher.archive.shown import shown_path
from patcher.auditing.many import Outcome, Runner, Task, Work
from patcher.auditing.model import Unreadable
from patcher.errors import PatcherError

AHEAD: Final = 8
"""Files per thread of the cluster that are handed out before they are due."""
CONNECT_SECONDS: Final = 10


def cluster(address: str) -> Runner:
    """A runner on the cluster whose scheduler is at `address` ("tcp://host:8786").

    The runner raises `PatcherError` when `distributed` is not installed or nobody answers at the address.
    """

    def run(work: Work, tasks: Iterable[Task]) -> Iterator[Outcome]:
        try:
            from distributed import Client, as_completed
        except ImportError:
            raise PatcherError("A Dask cluster needs the package distributed (the extra named dask).") from None
        try:
            client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
        except (OSError, ValueError) as error:
            raise PatcherError(f"No Dask scheduler answers at {address}: {error}.") from None
        with client:
            left = iter(tasks)
            running = as_completed(loop=client.loop)
            names = dict[str, str]()

            def hand_out(count: int) -> None:
                for task in islice(left, count):
                    future = client.submit(work, task, pure=False, retries=1)
                    names[future.key] = task.path
                    running.add(future)

            hand_out(AHEAD * max(1, sum(client.nthreads().values())))
            for future in running:
                yield _outcome(future, names.pop(future.key))
                hand_out(1)

    return run


class _Future(Protocol):
    """What is used of `distributed.Future`."""

    def exception(self) -> BaseException | None: ...
    def result(self) -> Outcome: ...


def _outcome(future: _Future, path: str) -> Outcome:
    """What a worker found; a file that ends one worker after the other is unreadable, not the end of all."""
    error = future.exception()
    if error is None:
        return future.result()
    reason = f"No worker of the cluster could audit it: {type(error).__name__}: {error}"
    return Outcome(path, unreadable=(Unreadable(shown_path(Path(path)), reason),))
