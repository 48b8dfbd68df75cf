# SPDX-License-Identifier: GPL-2.0-or-later
"""Work for other processes, which must find it by its module's name."""

import os
import signal
from pathlib import Path

from patcher.auditing.many import Outcome, Task


def size(task: Task) -> Outcome:
    """The file's size."""
    return Outcome(task.path, skipped=os.stat(task.path).st_size)


def dies_at_evil(task: Task) -> Outcome:
    """The same, but the file named evil ends the process."""
    if task.path.endswith("evil"):
        os.kill(os.getpid(), signal.SIGKILL)
    return size(task)


def dies_once(task: Task) -> Outcome:
    """The same, but the file named evil ends the process when it is looked at first."""
    mark = Path(task.path).with_name("died")
    if task.path.endswith("evil") and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return size(task)


def waits_at_evil(task: Task) -> Outcome:
    """The same, but the file named evil, a pipe, is waited for until somebody writes into it."""
    if task.path.endswith("evil"):
        Path(task.path).read_bytes()
    return size(task)
