# SPDX-License-Identifier: GPL-2.0-or-later
"""The terminal as a backend (`-serial stdio`): raw while it is in use, input read by a thread of its own.

The thread only queues and calls `wake`; it waits when the guest does not read, so a flood of input takes no
memory.
"""

import os
import queue
import select
import threading
from collections.abc import Callable

from vmm.chardev.backend import CharReceiver, InputQueue
from vmm.chardev.terminal import RawTerminal
from vmm.errors import VmmError

_CHUNK = 4096
_CHUNKS_WAITING = 16
_LOOK_SECONDS = 0.1  # how often a reader that waits for room looks whether it should end


class StdioBackend:
    """Standard input and output; other file descriptors for tests."""

    def __init__(self, in_fd: int = 0, out_fd: int = 1) -> None:
        self.wake: Callable[[], None] | None = None
        #: what went wrong with output (a closed pipe); output is dropped from then on
        self.failure: VmmError | None = None
        self._in_fd, self._out_fd = in_fd, out_fd
        self._terminal = RawTerminal(in_fd)
        self._chunks: queue.Queue[bytes] = queue.Queue(_CHUNKS_WAITING)
        self._input = InputQueue()
        self._thread: threading.Thread | None = None
        self._closing = threading.Event()
        self._end_read, self._end_write = os.pipe()

    # -- output --------------------------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Write all of `data`; the guest waits for a slow terminal, as it would for a slow line."""
        while data and self.failure is None:
            try:
                data = data[os.write(self._out_fd, data) :]
            except BlockingIOError:
                select.select([], [self._out_fd], [])
            except OSError as error:
                self.failure = VmmError(f"Cannot write to standard output: {error.strerror}.")

    # -- input ---------------------------------------------------------------------------------------------

    def connect(self, receiver: CharReceiver) -> None:
        """Make the terminal raw and start to read; a background job leaves its terminal alone."""
        self._input.connect(receiver)
        if self._thread is not None or (os.isatty(self._in_fd) and not self._terminal.usable()):
            return
        self._terminal.enter()
        self._thread = threading.Thread(target=self._read, name="patchvisor-stdin", daemon=True)
        self._thread.start()

    def _read(self) -> None:
        """The reader thread: until end of input or `close`."""
        while not self._closing.is_set():
            try:
                ready, _, _ = select.select([self._in_fd, self._end_read], [], [])
                data = b"" if self._end_read in ready else os.read(self._in_fd, _CHUNK)
            except (OSError, ValueError):
                return
            if not data:
                return
            self._queue(data)

    def _queue(self, data: bytes) -> None:
        while not self._closing.is_set():
            try:
                self._chunks.put(data, timeout=_LOOK_SECONDS)
            except queue.Full:
                continue
            if self.wake is not None:
                self.wake()
            return

    def pump(self) -> None:
        self._input.pump()
        while not len(self._input):
            try:
                self._input.put(self._chunks.get_nowait())
            except queue.Empty:
                return
            self._input.pump()

    def close(self) -> None:
        """Give the terminal back and end the reader; a second call changes nothing."""
        self._terminal.leave()
        if self._closing.is_set():
            return
        self._closing.set()
        os.write(self._end_write, b"x")
        if self._thread is not None:
            self._thread.join()
        os.close(self._end_read)
        os.close(self._end_write)
