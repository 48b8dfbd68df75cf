# SPDX-License-Identifier: GPL-2.0-or-later
"""What a character backend is.

The guest's side (a UART) and the host's side (a terminal) meet here: output is written as it comes, input
waits in the backend until the device has room, so none is ever lost. A backend that hears from another thread
only queues and calls `wake`; the run loop then calls `pump` on its own thread.
"""

from collections import deque
from collections.abc import Callable
from typing import Protocol


class CharReceiver(Protocol):
    """A device that takes characters: as many as it has room for, no more."""

    def room(self) -> int: ...
    def receive(self, data: bytes) -> None: ...


class CharBackend(Protocol):
    """The host's side of a character device."""

    #: called, from any thread, when input waits and somebody should call `pump`
    wake: Callable[[], None] | None

    def write(self, data: bytes) -> None: ...
    def connect(self, receiver: CharReceiver) -> None: ...
    def pump(self) -> None:
        """Hand waiting input to the receiver, as far as it has room; a device that has more calls again."""

    def close(self) -> None: ...


class InputQueue:
    """Input that waits for its receiver; used on the run loop's thread only."""

    def __init__(self) -> None:
        self._waiting: deque[int] = deque()
        self._receiver: CharReceiver | None = None
        self._pumping = False

    def __len__(self) -> int:
        return len(self._waiting)

    def connect(self, receiver: CharReceiver) -> None:
        """From now on `receiver` gets what waits."""
        self._receiver = receiver

    def put(self, data: bytes) -> None:
        """Queue input; nothing moves before `pump`."""
        self._waiting.extend(data)

    def pump(self) -> None:
        """Hand over what fits. A receiver that asks for more while it receives is served in the same loop."""
        if self._pumping or self._receiver is None:
            return
        self._pumping = True
        try:
            while self._waiting and (room := self._receiver.room()) > 0:
                count = min(room, len(self._waiting))
                self._receiver.receive(bytes(self._waiting.popleft() for _ in range(count)))
        finally:
            self._pumping = False
