# SPDX-License-Identifier: GPL-2.0-or-later
"""A run can always be ended, gives the terminal back, and keeps within its memory, whatever the guest does."""

import os
import pty
import resource
import signal
import subprocess
import sys
import termios
from collections.abc import Callable
from pathlib import Path

import pytest

from vmm import Machine

ROOT = Path(__file__).resolve().parents[2]
SAY_A = "66ba f803 b041 ee"  # out to COM1: the run has begun
STUBBORN = {
    "jmp $": SAY_A + "eb fe",
    "cli; jmp $": "fa" + SAY_A + "eb fe",
    "halted, waiting for nothing": "b0ff e621" + SAY_A + "fb f4 eb fd",
    "floods the serial port": SAY_A + "ee eb fd",
    "traps for ever": SAY_A + "9c 58 0f20c0 eb f9",
}


def _start(tmp_path: Path, code: str, **more: object) -> "subprocess.Popen[bytes]":
    path = tmp_path / "guest"
    path.write_bytes(bytes.fromhex(code))
    command = [sys.executable, "-m", "vmm", "run", str(path), "--load-at", "0x100000", "-m", "4"]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, **more)  # type: ignore[call-overload]


@pytest.mark.parametrize("name", STUBBORN)
def test_ctrl_c_ends_every_run(name: str, tmp_path: Path) -> None:
    process = _start(tmp_path, STUBBORN[name], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    assert process.stdout.read(1) == b"A"
    process.send_signal(signal.SIGINT)
    _out, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert said == b"patchvisor: Ctrl-C ended the run.\n"


def test_ctrl_c_gives_the_terminal_back(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    try:
        before = termios.tcgetattr(theirs)
        process = _start(tmp_path, STUBBORN["jmp $"], stdin=theirs, stdout=theirs)
        assert os.read(ours, 1) == b"A"
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        assert process.returncode == 130
        assert termios.tcgetattr(theirs) == before
    finally:
        os.close(ours)
        os.close(theirs)


def _limit_memory() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))


@pytest.mark.parametrize(
    "code",
    [
        "66ba f803 b041 ee eb fd",  # floods the serial port
        "e6e9 eb fc",  # and the debug console
        "66 42 ec eb fb",  # asks every port
        "bf 00003000 89f8 c600 c3 81c7 00100000 81ff 00003f00 75 ee bf 00003000 ffd7 eb f7",  # runs on every page
    ],
)
def test_memory_stays_bounded(code: str, tmp_path: Path) -> None:
    path = tmp_path / "guest"
    path.write_bytes(bytes.fromhex(code))
    command = [
        sys.executable,
        "-m",
        "vmm",
        "run",
        str(path),
        "--load-at",
        "0x100000",
        "-m",
        "4",
        "--timeout",
        "2",
    ]
    result = subprocess.run(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        preexec_fn=_limit_memory, timeout=90, check=False,
    )  # fmt: skip
    assert (result.returncode, result.stderr) == (124, b"patchvisor: The time limit of 2 s is over.\n")


def _resident() -> int:
    """Bytes of this process that are in memory, the guest's RAM included."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def test_thirty_machines_leave_no_memory_behind() -> None:
    """Each guest has 16 MiB that are all written: 480 MiB if they were kept."""

    def one() -> None:
        with Machine(kernel=b"\xf4", address=0x10_0000, memory=16) as machine:
            machine.mem.physical.write(0x10_1000, bytes(range(256)) * 0xE000)
            assert machine.run(timeout=60).exit_status == 86

    one()
    before = _resident()
    for _ in range(30):
        one()
    assert _resident() - before < 100 << 20


def test_a_machine_that_cannot_boot_closes_its_files(tmp_path: Path) -> None:
    def open_files() -> int:
        return len(os.listdir("/proc/self/fd"))

    def fail() -> None:
        with pytest.raises(Exception, match="is empty"):
            Machine(kernel=b"", serial=f"file:{tmp_path}/serial")

    _times(fail, 1)
    before = open_files()
    _times(fail, 5)
    assert open_files() <= before


def _times(action: Callable[[], None], count: int) -> None:
    for _ in range(count):
        action()
