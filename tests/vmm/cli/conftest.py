# SPDX-License-Identifier: GPL-2.0-or-later
"""A machine that runs nothing: it remembers how it was made and returns the report it was given."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace, TracebackType

import pytest

from vmm.cli.main import main
from vmm.report.run_report import ExitReason, RunReport, Stats

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
    stats: Stats = field(default_factory=Stats)
    serial: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(text="so far"))
    screen: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(text="a picture"))

    def make(self, **arguments: object) -> "FakeMachine":
        self.made = arguments
        if self.refusal is not None:
            raise self.refusal
        return self

    def run(self, **limits: object) -> RunReport:
        self.ran = limits
        if self.error is not None:
            raise self.error
        return self.report

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
