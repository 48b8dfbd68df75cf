# SPDX-License-Identifier: GPL-2.0-or-later
"""The command as a process: what it loads, broken pipes, signals; runs are played by a made-up machine."""

import os
import pty
import signal
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from vmm.cli.verdict import say

ROOT = Path(__file__).resolve().parents[3]
HEAVY = {"unicorn", "capstone", "keystone", "rich", "elftools", "json", "asyncio", "typing_extensions"}

#: A program that runs the command line with a `vmm.machine` whose run is the given body.
PLAY = """\
import signal, sys, threading, time
from types import ModuleType
from vmm.report.run_report import ExitReason, RunReport

class Machine:
    stopped = False
    def __init__(self, **arguments): pass
    def __enter__(self): return self
    def __exit__(self, *error): print("closed", file=sys.stderr)
    def stop(self): self.stopped = True
    def run(self, *limits):
        {body}
        return RunReport(ExitReason.INTERRUPTED, 130, "Stopped.")

sys.modules["vmm.machine"] = module = ModuleType("vmm.machine")
module.Machine = Machine
import vmm.cli.terminal
vmm.cli.terminal.GRACE = 0.2
from vmm.cli.main import main
sys.exit(main(["run", sys.executable]))
"""
RUNNING = 'print("running", file=sys.stderr, flush=True)'
#: Makes the terminal raw and never gives it back.
RUDE = f"import tty; tty.setraw(0); {RUNNING}; time.sleep(60)"
PATIENT = f"{RUNNING}\n        while not self.stopped: time.sleep(0.05)"
#: Signals go to another thread while the main one sleeps, which so never gets to Python's handlers.
MASK = "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT, signal.SIGTERM])"
DEAF = f"{MASK}; threading.Timer(0.2, lambda: {RUNNING}).start(); time.sleep(60)"


def python(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True, timeout=60)


def loaded(*words: str) -> set[str]:
    """Top-level modules that the command line loads."""
    code = f"import sys; from vmm.cli.main import main; main({list(words)!r}); print(*sys.modules)"
    return {name.partition(".")[0] for name in python("-c", code).stdout.splitlines()[-1].split()}


@pytest.mark.parametrize("words", [["--help"], ["run", "--help"], ["--version"], ["run", "-d", "help"]])
def test_help_loads_nothing_heavy(words: list[str]) -> None:
    assert loaded(*words) & HEAVY == set()


def test_a_guest_that_was_built_before_loads_one_engine_only(monkeypatch, tmp_path) -> None:
    """What decides how soon a guest starts: no assembler, no disassembler, nothing that draws."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    loaded("run", "hello")
    assert loaded("run", "hello") & HEAVY == {"unicorn"}


def test_python_m_vmm_is_the_command() -> None:
    assert python("-m", "vmm", "--version").stdout.startswith("patchvisor, version ")


def test_a_closed_pipe_is_silent() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as gone:
        ended = subprocess.run(
            [sys.executable, "-m", "vmm", "guests"], cwd=ROOT, stdout=gone, stderr=subprocess.PIPE, timeout=60
        )
    assert (ended.returncode, ended.stderr) == (74, b"")


def play(body: str, number: int, stdin: int = subprocess.DEVNULL) -> tuple[int, str]:
    """Start a run with this body, send it a signal once it runs, and tell how it ended."""
    program = PLAY.format(body=body)
    words = [sys.executable, "-c", program]
    with subprocess.Popen(words, cwd=ROOT, stdin=stdin, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            assert process.stderr.readline() == "running\n"
            process.send_signal(number)
            return process.wait(30), process.stderr.read()
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("number", "status", "said"),
    [(signal.SIGINT, 130, "Ctrl-C"), (signal.SIGTERM, 143, "SIGTERM")],
)
def test_a_signal_ends_a_run_in_order(number: int, status: int, said: str) -> None:
    assert play(PATIENT, number) == (status, f"closed\npatchvisor: {said} ended the run.\n")


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_run_that_cannot_hear_it(number: int, status: int) -> None:
    """The engine may not come back: the watching thread then ends the process."""
    assert play(DEAF, number) == (status, "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_terminal_is_put_back(number: int) -> None:
    master, slave = pty.openpty()
    try:
        before = termios.tcgetattr(slave)
        status, said = play(RUDE, number, stdin=slave)
        assert "running" not in said
        assert termios.tcgetattr(slave) == before
        assert status == 128 + number
    finally:
        os.close(master)
        os.close(slave)


@pytest.mark.parametrize(
    ("how", "status", "said"),
    [
        (">&-", 74, "patchvisor: the result could not be written: Bad file descriptor\n"),
        (">/dev/full", 74, "patchvisor: the result could not be written: No space left on device\n"),
        ("2>&-", 0, ""),
        (">&- 2>&-", 74, ""),
    ],
)
@pytest.mark.parametrize("verb", ["explain", "--help", "merge report.json"])
def test_streams_that_take_nothing(tmp_path: Path, verb: str, how: str, status: int, said: str) -> None:
    (tmp_path / "report.json").write_text(
        '{"schema": "patchvisor.audit", "version": 1, "skipped": 0, "files": [], "unreadable": []}'
    )
    ended = subprocess.run(
        ["sh", "-c", f"{sys.executable} -m vmm {verb} {how}"], cwd=tmp_path, capture_output=True, text=True,
        timeout=60, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert (ended.returncode, ended.stderr) == (status, said)


def test_a_sentence_steers_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    say("\x1b]0;title\x07 is\nno file\udcff")
    assert capsys.readouterr().err == "patchvisor: \\x1b]0;title\\x07 is\nno file\\xdcff\n"


@pytest.mark.parametrize("jobs", ["1", "2"])
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_audit_that_is_ended_leaves_and_says_nothing(
    tmp_path: Path, jobs: str, number: int, status: int
) -> None:
    """The signal comes when the first file is done, when processes and a report of ours would be left."""
    for name in "abc":
        (tmp_path / name).write_bytes(b"\x9c\xc3")
    words = ["audit", str(tmp_path), "--mode", "32", "-j", jobs, "-o", str(tmp_path / "report")]
    said = python(
        "-c",
        "import os, signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # ignored in background
        "from vmm.cli.audit_progress import AuditProgress; from vmm.cli.main import main\n"
        f"AuditProgress.tell = lambda self, path: os.kill(os.getpid(), {int(number)})\n"
        f"sys.exit(main({words!r}))",
    )
    assert (said.returncode, said.stdout, said.stderr) == (status, "", "")
    assert sorted(os.listdir(tmp_path)) == ["a", "b", "c"]


@pytest.mark.parametrize(("form", "shown"), [("text", b"K\\xe4se"), ("csv", "Käse".encode())])
def test_a_report_does_not_depend_on_what_the_terminal_can_show(tmp_path: Path, form: str, shown: bytes) -> None:
    (tmp_path / "Käse").write_bytes(b"\x9c\xc3")
    said = subprocess.run(
        [sys.executable, "-m", "vmm", "audit", "Käse", "--mode", "32", "--format", form],
        cwd=tmp_path,
        env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (said.returncode, said.stderr) == (1, b"")
    assert shown in said.stdout
