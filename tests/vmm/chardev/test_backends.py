# SPDX-License-Identifier: GPL-2.0-or-later
"""The backends without a terminal: memory, file, null, tee, and the queue that input waits in."""

import errno
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmm.chardev.backend import InputQueue
from vmm.chardev.buffer import BufferBackend
from vmm.chardev.file import FileBackend
from vmm.chardev.null import NullBackend
from vmm.chardev.tee import TeeBackend
from vmm.errors import VmmError


class Receiver:
    """Takes at most `depth` bytes until they are read."""

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self.held = b""

    def room(self) -> int:
        return self.depth - len(self.held)

    def receive(self, data: bytes) -> None:
        assert len(data) <= self.room()
        self.held += data

    def read(self) -> bytes:
        data, self.held = self.held, b""
        return data


@given(st.binary(max_size=60), st.integers(1, 20))
def test_input_comes_in_order_and_as_it_fits(data: bytes, depth: int) -> None:
    backend, receiver = BufferBackend(), Receiver(depth)
    backend.connect(receiver)
    backend.send(data)
    received = b""
    while part := receiver.read():
        received += part
        backend.pump()
    assert received == data


def test_a_receiver_may_ask_for_more_while_it_receives() -> None:
    queue = InputQueue()

    class Greedy(Receiver):
        def receive(self, data: bytes) -> None:
            super().receive(data)
            taken.append(self.read())
            queue.pump()

    taken: list[bytes] = []
    queue.connect(Greedy(2))
    queue.put(b"abcde")
    queue.pump()
    assert taken == [b"ab", b"cd", b"e"]


def test_input_before_anybody_listens_waits() -> None:
    backend, receiver = BufferBackend(), Receiver(8)
    backend.send(b"early")
    backend.connect(receiver)
    backend.pump()
    assert receiver.read() == b"early"


def test_sending_wakes_the_run_loop() -> None:
    backend = BufferBackend()
    calls: list[str] = []
    backend.wake = lambda: calls.append("wake")
    backend.send(b"x")
    assert calls == ["wake"]


def test_a_buffer_keeps_what_the_guest_wrote() -> None:
    backend = BufferBackend()
    seen: list[str] = []
    backend.on_write = lambda: seen.append(backend.text())
    backend.write(b"one ")
    backend.write("é\xff".encode("latin-1"))
    assert backend.data == b"one \xe9\xff"
    assert backend.text() == "one \ufffd\ufffd"
    assert seen[0] == "one "
    assert backend.since(4) == b"\xe9\xff"


def test_a_flood_is_bounded_and_counted() -> None:
    backend = BufferBackend(limit=100)
    for i in range(1_000):
        backend.write(b"%04d " % i)
    assert (backend.total, backend.dropped, len(backend.data)) == (5_000, 4_900, 100)
    assert backend.data.endswith(b"0998 0999 ")
    assert backend.since(4_990) == b"0998 0999 "[-10:]
    assert backend.since(0).endswith(b"0999 ")
    assert len(backend.since(0)) <= 200


def test_a_file_has_every_byte_at_once(tmp_path: Path) -> None:
    path = tmp_path / "serial.log"
    backend = FileBackend(path)
    backend.write(b"Linux")
    assert path.read_bytes() == b"Linux"
    backend.close()


def test_a_file_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "log"
    with pytest.raises(VmmError) as error:
        FileBackend(path)
    assert str(error.value) == f"Cannot write character output to {path}: No such file or directory."


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="the system has no /dev/full")
def test_a_full_disk_is_remembered_not_raised() -> None:
    backend = FileBackend(Path("/dev/full"))
    backend.write(b"x")
    backend.write(b"y")
    assert str(backend.failure) == f"Cannot write character output to /dev/full: {os.strerror(errno.ENOSPC)}."
    backend.close()


def test_null_swallows() -> None:
    backend = NullBackend()
    backend.connect(Receiver(1))
    backend.write(b"gone")
    backend.pump()
    backend.close()


def test_tee_gives_to_all_and_takes_from_all() -> None:
    one, two, receiver = BufferBackend(), BufferBackend(), Receiver(8)
    tee = TeeBackend(one, two)
    tee.connect(receiver)
    tee.write(b"out")
    assert one.data == two.data == b"out"
    one.send(b"1")
    two.send(b"2")
    assert receiver.read() == b"12"
    calls: list[int] = []
    tee.wake = lambda: calls.append(1)
    two.send(b"3")
    assert calls == [1]
    assert tee.wake is one.wake
    tee.pump()
    tee.close()
    assert TeeBackend().wake is None
