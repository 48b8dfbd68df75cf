# SPDX-License-Identifier: GPL-2.0-or-later
"""A backend in memory: what the guest wrote is kept, what the host sends waits for the guest.

The memory is bounded: of a flood the newest `limit` bytes are kept and the count of all is true.
"""

from collections.abc import Callable

from vmm.chardev.backend import CharReceiver, InputQueue

DEFAULT_LIMIT = 4 << 20


class BufferBackend:
    """Collects output in `data`; `send` queues input. For tests, `expect` and the run report."""

    def __init__(self, limit: int = DEFAULT_LIMIT) -> None:
        self.wake: Callable[[], None] | None = None
        #: called after every write, to look for what somebody waits for
        self.on_write: Callable[[], None] | None = None
        self._limit = limit
        self._output = bytearray()
        self._input = InputQueue()
        #: bytes the guest wrote in all
        self.total = 0

    @property
    def data(self) -> bytes:
        """The newest bytes that the guest wrote, at most `limit`."""
        return bytes(self._output[-self._limit :])

    @property
    def dropped(self) -> int:
        """How many of the oldest bytes are not in `data`."""
        return max(self.total - self._limit, 0)

    def text(self) -> str:
        """`data` as text; bytes that are no UTF-8 show as replacement characters."""
        return self.data.decode("utf-8", "replace")

    def since(self, position: int) -> bytes:
        """What was written from byte number `position` of the whole output on, as far as it is kept."""
        start = max(position - (self.total - len(self._output)), 0)
        return bytes(self._output[start:])

    def write(self, data: bytes) -> None:
        self._output += data
        self.total += len(data)
        if len(self._output) > 2 * self._limit:
            del self._output[: -self._limit]
        if self.on_write is not None:
            self.on_write()

    def send(self, data: bytes) -> None:
        """Queue input for the guest; it comes in as fast as the guest takes it."""
        self._input.put(data)
        self._input.pump()
        if self.wake is not None:
            self.wake()

    def connect(self, receiver: CharReceiver) -> None:
        self._input.connect(receiver)

    def pump(self) -> None:
        self._input.pump()

    def close(self) -> None:
        """Nothing to give back; what was written stays readable."""
