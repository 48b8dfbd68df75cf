# SPDX-License-Identifier: GPL-2.0-or-later
"""The terminal backend on pipes and on a pseudo-terminal: raw while in use, restored on every way out."""

import os
import pty
import select
import signal
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from vmm.chardev.stdio import StdioBackend
from vmm.chardev.terminal import RawTerminal

ROOT = Path(__file__).resolve().parents[3]


class Receiver:
    """Takes everything there is."""

    def __init__(self, depth: int = 1 << 20) -> None:
        self.depth = depth
        self.data = b""

    def room(self) -> int:
        return self.depth - len(self.data)

    def receive(self, data: bytes) -> None:
        self.data += data


@pytest.fixture
def pipes() -> Iterator[tuple[StdioBackend, int, int]]:
    """A backend whose input and output are pipes; the far ends."""
    in_read, in_write = os.pipe()
    out_read, out_write = os.pipe()
    backend = StdioBackend(in_read, out_write)
    yield backend, in_write, out_read
    backend.close()
    for fd in (in_read, in_write, out_read, out_write):
        try:
            os.close(fd)
        except OSError:
            continue


def woken(backend: StdioBackend) -> threading.Event:
    event = threading.Event()
    backend.wake = event.set
    return event


def test_output_is_written_at_once(pipes: tuple[StdioBackend, int, int]) -> None:
    backend, _, out_read = pipes
    backend.write(b"hello")
    assert os.read(out_read, 10) == b"hello"


def test_input_is_queued_and_handed_over_by_pump(pipes: tuple[StdioBackend, int, int]) -> None:
    backend, in_write, _ = pipes
    event, receiver = woken(backend), Receiver()
    backend.connect(receiver)
    os.write(in_write, b"keys")
    assert event.wait(10)
    assert receiver.data == b""
    backend.pump()
    assert receiver.data == b"keys"


def test_a_flood_of_input_waits_in_the_pipe(pipes: tuple[StdioBackend, int, int]) -> None:
    backend, in_write, _ = pipes
    event, receiver = woken(backend), Receiver()
    backend.connect(receiver)
    sent = bytes(range(256)) * 2048  # 512 KiB, far more than queue and pipe hold

    def feed() -> None:
        rest = sent
        while rest:
            rest = rest[os.write(in_write, rest) :]
        os.close(in_write)

    feeder = threading.Thread(target=feed)
    feeder.start()
    while len(receiver.data) < len(sent):
        assert event.wait(10)
        event.clear()
        assert backend._chunks.qsize() <= 16
        backend.pump()
    feeder.join()
    assert receiver.data == sent


def test_a_receiver_without_room_gets_the_rest_later(pipes: tuple[StdioBackend, int, int]) -> None:
    backend, in_write, _ = pipes
    event, receiver = woken(backend), Receiver(depth=3)
    backend.connect(receiver)
    os.write(in_write, b"abcdef")
    assert event.wait(10)
    backend.pump()
    assert receiver.data == b"abc"
    receiver.data = b""
    backend.pump()
    assert receiver.data == b"def"


def test_a_closed_output_is_remembered(pipes: tuple[StdioBackend, int, int]) -> None:
    backend, _, out_read = pipes
    os.close(out_read)
    backend.write(b"nobody reads this")
    backend.write(b"nor this")
    assert str(backend.failure) == "Cannot write to standard output: Broken pipe."


def test_a_full_nonblocking_output_waits(pipes: tuple[StdioBackend, int, int]) -> None:
    backend, _, out_read = pipes
    os.set_blocking(backend._out_fd, False)
    data = bytes(1 << 18)
    received = bytearray()

    def drain() -> None:
        while len(received) < len(data):
            received.extend(os.read(out_read, 1 << 16))

    reader = threading.Thread(target=drain)
    reader.start()
    backend.write(data)
    reader.join(10)
    assert len(received) == len(data)


def test_closing_twice_is_fine(pipes: tuple[StdioBackend, int, int]) -> None:
    backend, _, _ = pipes
    backend.connect(Receiver())
    backend.close()
    backend.close()


def test_what_is_no_terminal_is_left_alone() -> None:
    read, write = os.pipe()
    terminal = RawTerminal(read)
    terminal.enter()
    assert not terminal.is_raw
    terminal.leave()
    os.close(read)
    os.close(write)


# -- a process of its own on a pseudo-terminal ---------------------------------------------------------------

#: prints "raw" when the terminal is raw, then does what the test wants
PROGRAM = """
import os, signal, sys, threading
sys.path.insert(0, sys.argv[2])
from vmm.chardev.stdio import StdioBackend
class Receiver:
    data = b""
    def room(self): return 100
    def receive(self, data): self.data += data
backend, receiver, event = StdioBackend(), Receiver(), threading.Event()
backend.wake = event.set
backend.connect(receiver)
backend.write(b"raw" if backend._terminal.is_raw else b"cooked")
{action}
"""
ACTIONS = {
    "close": "event.wait(10); backend.pump(); backend.write(receiver.data); backend.close()",
    "exit": "event.wait(10); sys.exit(3)",
    "error": "event.wait(10); raise RuntimeError",
    "signal": "event.wait(10); os.kill(os.getpid(), signal.SIGTERM); threading.Event().wait(10)",
    "interrupt": "event.wait(10)",
}


class Terminal:
    """A program on a pseudo-terminal of which it is the controlling process."""

    def __init__(self, action: str) -> None:
        self.master, slave = pty.openpty()
        self.before = termios.tcgetattr(slave)
        self.slave = slave
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM.format(action=ACTIONS[action]), slave_name(slave), str(ROOT)],
            stdin=slave, stdout=slave, stderr=subprocess.DEVNULL,
            preexec_fn=lambda: take_terminal(slave),
        )  # fmt: skip

    def read(self, want: bytes) -> None:
        received = b""
        while want not in received:
            ready, _, _ = select.select([self.master], [], [], 20)
            assert ready, f"the program wrote {received!r}, not {want!r}"
            received += os.read(self.master, 100)

    def finish(self) -> int:
        try:
            return self.process.wait(20)
        finally:
            self.process.kill()

    def close(self) -> None:
        os.close(self.master)
        os.close(self.slave)


def slave_name(slave: int) -> str:
    return os.ttyname(slave)


def take_terminal(slave: int) -> None:
    """In the child: a session of its own with the pseudo-terminal as its terminal."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # whoever runs the tests in the background may ignore it
    import fcntl

    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)


@pytest.mark.parametrize(
    ("action", "typed", "status"),
    [("close", b"q", 0), ("exit", b"q", 3), ("error", b"q", 1), ("signal", b"q", -15)],
)
def test_the_terminal_is_restored(action: str, typed: bytes, status: int) -> None:
    terminal = Terminal(action)
    terminal.read(b"raw")
    during = termios.tcgetattr(terminal.slave)
    assert not during[3] & (termios.ICANON | termios.ECHO)
    assert during[3] & termios.ISIG
    os.write(terminal.master, typed)
    assert terminal.finish() == status
    assert termios.tcgetattr(terminal.slave) == terminal.before
    terminal.close()


def test_ctrl_c_reaches_the_host_and_restores() -> None:
    terminal = Terminal("interrupt")
    terminal.read(b"raw")
    os.write(terminal.master, b"\x03")
    assert terminal.finish() in (1, -2)  # KeyboardInterrupt ends the program
    assert termios.tcgetattr(terminal.slave) == terminal.before
    terminal.close()


def test_keys_come_without_return() -> None:
    terminal = Terminal("close")
    terminal.read(b"raw")
    os.write(terminal.master, b"\x1b[A")
    terminal.read(b"\x1b[A")
    assert terminal.finish() == 0
    terminal.close()
