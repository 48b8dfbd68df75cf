# SPDX-License-Identifier: GPL-2.0-or-later
"""A machine that runs nothing: it remembers how it was made and returns the report it was given."""

import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, TracebackType

import pytest

from vmm.cli.main import main
from vmm.report.run_report import ExitReason, RunReport

OFF = RunReport(ExitReason.POWER_OFF, 0, "The guest switched itself off.", serial="hello\n", screen="hello")


@dataclass
class FakeMachine:
    """Stands for `vmm.machine.Machine`; `made` and `ran` hold the arguments of the last one."""

    report: RunReport = OFF
    error: BaseException | None = None
    made: dict[str, object] = field(default_factory=dict)
    ran: dict[str, object] = field(default_factory=dict)
    closed: int = 0
    refusal: Exception | None = None
    signal: int | None = None
    stopped: int = 0

    def make(self, **arguments: object) -> "FakeMachine":
        self.made = arguments
        if self.refusal is not None:
            raise self.refusal
        return self

    def run(self, until: object, timeout: object, max_insns: object) -> RunReport:
        self.ran = {"until": until, "timeout": timeout, "max_insns": max_insns}
        if self.signal is not None:
            signal.raise_signal(self.signal)
        if self.error is not None:
            raise self.error
        return self.report

    def stop(self) -> None:
        self.stopped += 1

    def __enter__(self) -> "FakeMachine":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.closed += 1


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> FakeMachine:
    """The machine that `patchvisor run` will make."""
    fake = FakeMachine()
    module = ModuleType("vmm.machine")
    module.Machine = fake.make  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "vmm.machine", module)
    return fake


@pytest.fixture
def kernel(tmp_path: Path) -> str:
    """A file that exists; the fake machine does not look into it."""
    path = tmp_path / "kernel.bin"
    path.write_bytes(b"\x7fELF")
    return str(path)


@dataclass(frozen=True)
class Said:
    """What a command printed, and its status."""

    status: int
    out: str
    err: str


@pytest.fixture
def patchvisor(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., Said]:
    """Run the command line in this process, with a cache folder of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def run(*words: str) -> Said:
        capfd.readouterr()
        status = main(words)
        captured = capfd.readouterr()
        return Said(status, captured.out, captured.err)

    return run
