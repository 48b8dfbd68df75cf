# SPDX-License-Identifier: GPL-2.0-or-later
"""Many files, the API, and the limits for each: one bad file stops nothing."""

import contextlib
import os
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import NoReturn

import pytest
from executables import Elf, Part

import patcher
from patcher import audit
from patcher.auditing import limits, many, task
from patcher.auditing.limits import within
from patcher.auditing.many import Outcome, Task, audit_many, audit_task, tasks_of
from patcher.auditing.model import AuditReport, FileReport, ScanResult, Status
from patcher.auditing.options import AuditOptions, Raw
from patcher.errors import PatcherError
from patcher.patch import Tactic

PUSHF = b"\x9c\x58\xc3"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "b").mkdir()
    (tmp_path / "a.elf").write_bytes(bytes(Elf((Part(PUSHF, flags=5),))))
    (tmp_path / "b" / "c.elf").write_bytes(bytes(Elf((Part(b"\xf4\xc3", flags=5),))))
    (tmp_path / "b" / "notes.txt").write_text("no code here")
    (tmp_path / "broken.elf").write_bytes(bytes(Elf((Part(PUSHF, flags=5),)))[:60])
    (tmp_path / "link").symlink_to(tmp_path / "a.elf")
    os.link(tmp_path / "a.elf", tmp_path / "b" / "again.elf")
    return tmp_path


def test_a_folder_means_its_files_once(folder: Path) -> None:
    found = [(os.path.relpath(task.path, folder), task.named) for task in tasks_of([str(folder)])]
    assert found == [("a.elf", False), ("broken.elf", False), ("b/c.elf", False), ("b/notes.txt", False)]
    assert [task.path for task in tasks_of(["x", "x"])] == ["x", "x"]


def test_one_bad_file_stops_nothing(folder: Path) -> None:
    report = patcher.audit(folder)
    assert isinstance(report, AuditReport)
    assert [os.path.relpath(file.path, folder) for file in report.files] == ["a.elf", "b/c.elf"]
    assert [os.path.relpath(one.path, folder) for one in report.unreadable] == ["broken.elf"]
    assert report.skipped == 1


def test_what_is_named_must_be_readable(folder: Path) -> None:
    report = patcher.audit([folder / "b" / "notes.txt", folder / "none", folder / "a.elf"])
    assert len(report.files) == 1
    reasons = {os.path.basename(one.path): one.reason for one in report.unreadable}
    assert reasons["none"].endswith("none cannot be read: no such file or directory.")
    assert "is in no format that holds x86 code" in reasons["notes.txt"]


def test_a_fault_of_ours_is_told_and_stops_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(data: bytes, name: str, options: AuditOptions) -> FileReport:
        raise KeyError("oops")

    monkeypatch.setattr(task, "audit_bytes", fails)
    outcome = audit_task(Task(str(folder / "a.elf")), AuditOptions())
    assert [one.reason for one in outcome.unreadable] == ["A fault of patchvisor: KeyError: 'oops'"]


def test_the_runner_works_and_the_report_is_in_order(folder: Path) -> None:
    told: list[str] = []

    def backwards(work: many.Work, tasks: object) -> object:
        return iter([work(task) for task in reversed(list(tasks))])  # type: ignore[call-overload]

    tasks = list(tasks_of([str(folder)]))
    report = audit_many(tasks, AuditOptions(), backwards, lambda one: told.append(one.path))  # type: ignore[arg-type]
    assert told == [task.path for task in reversed(tasks)]
    assert report == patcher.audit(folder)


def test_raw_bytes_are_scanned() -> None:
    result = patcher.scan_image(PUSHF, raw=Raw(32, base=0x7C00))
    assert isinstance(result, ScanResult)
    (finding,) = result.findings
    assert (finding.address, finding.file_offset, finding.raw, finding.text) == (0x7C00, 0, b"\x9c", "pushfd")
    assert (finding.tactic, finding.ring, finding.section) == (Tactic.TRAP, 0, "raw")


@pytest.mark.parametrize("entry", [-1, 3])
def test_a_raw_entry_lies_inside(entry: int) -> None:
    with pytest.raises(PatcherError, match="outside"):
        patcher.scan_image(PUSHF, raw=Raw(32, entry=entry))


def test_bytes_of_no_format_are_a_sentence() -> None:
    with pytest.raises(PatcherError, match=r"^the image is in no format that holds x86 code .*\.$"):
        patcher.scan_image(b"hello")


def test_a_file_larger_than_the_limit_is_not_read(folder: Path) -> None:
    report = patcher.audit(folder / "a.elf", options=AuditOptions(max_memory=10))
    assert [one.reason.rpartition("/")[2] for one in report.unreadable] == [
        "a.elf has 87 bytes, more than the limit of 10."
    ]


def test_members_of_archives_are_audited_each_with_its_limits(folder: Path) -> None:
    with tarfile.open(folder / "all.tar.gz", "w:gz") as archive:
        for name in ("a.elf", "broken.elf", "b/c.elf", "b/notes.txt"):
            archive.add(folder / name, name)
    name = str(folder / "all.tar.gz")
    outcome = audit_task(Task(name), AuditOptions(hard_limits=True))
    assert [file.path for file in outcome.files] == [f"{name}!a.elf", f"{name}!b/c.elf"]
    assert [one.path for one in outcome.unreadable] == [f"{name}!broken.elf"]
    assert outcome.skipped == 1
    (small, *_) = audit_task(
        Task(name), AuditOptions(max_memory=(folder / "all.tar.gz").stat().st_size - 1)
    ).unreadable
    assert "more than the limit of" in small.reason


def test_the_soft_limit_of_time_is_a_reason(folder: Path) -> None:
    code = b"\x90" * 2_000_000 + b"\xc3"
    (folder / "long.elf").write_bytes(bytes(Elf((Part(code, flags=5),))))
    (file,) = patcher.audit(folder / "long.elf", options=AuditOptions(max_seconds=1e-9)).files
    assert file.binaries[0].verdict.status is Status.NOT_PROVABLY
    assert "The limit for one file was reached before all was followed." in file.binaries[0].verdict.reasons


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is stuck is ended without grace."""
    monkeypatch.setattr(limits, "SPARE", 0.0)


@pytest.mark.usefixtures("at_once")
def test_what_is_stuck_is_ended() -> None:
    with pytest.raises(PatcherError, match=r"^x takes more than 1e-06 seconds\.$"), within("x", 1e-6, None):
        time.sleep(60)


@pytest.mark.usefixtures("at_once")
def test_the_end_of_time_is_no_damage_that_a_reader_may_pass_over() -> None:
    """Readers note a damaged table and go on; what is stuck must end there nonetheless."""

    def stuck() -> NoReturn:
        while True:
            with contextlib.suppress(Exception):
                time.sleep(60)

    with pytest.raises(PatcherError, match=r"^x takes more than 0\.01 seconds\.$"), within("x", 0.01, None):
        stuck()


def test_the_end_of_time_is_silent_where_it_cannot_be_raised(capsys: pytest.CaptureFixture[str]) -> None:
    """Python prints what a finalizer raises; the next ring ends the work."""
    rung: list[bool] = []

    class Waits:
        def __del__(self) -> None:
            try:
                signal.pause()
            finally:
                rung.append(True)

    before = sys.unraisablehook
    def work() -> None:
        Waits()
        assert rung
        signal.pause()

    with pytest.raises(PatcherError, match=r"^x takes more than 1e-06 seconds\.$"), within("x", 1e-6, None):
        work()
    assert capsys.readouterr().err == ""
    assert sys.unraisablehook is before


@pytest.mark.parametrize("name", ["esc\x1b[31m", "line\nfeed", os.fsdecode(b"no\xffutf8")])
def test_raw_bytes_are_named_without_what_disturbs_a_terminal(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(PUSHF)
    (file,) = audit(tmp_path, options=AuditOptions(raw=Raw(32))).files
    assert file.path.isprintable()
    assert file.path.endswith(("/esc\\x1b[31m", "/line\\nfeed", "/no\\xffutf8"))


@pytest.mark.parametrize("name", ["pipe", "endless", "holes"])
def test_raw_bytes_come_from_regular_files_of_some_size(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "endless").symlink_to("/dev/zero")
    with open(tmp_path / "holes", "wb") as file:
        file.truncate(1 << 33)
    (lost,) = audit(tmp_path / name, options=AuditOptions(raw=Raw(32), max_memory=1 << 20)).unreadable
    said = (
        "has 8589934592 bytes, more than the limit of 1048576." if name == "holes" else "is no regular file."
    )
    assert lost.reason == f"{tmp_path / name} {said}"


def test_what_needs_too_much_memory_is_ended() -> None:
    """In a process of its own, whose limit may be lowered."""
    program = (
        "from patcher.auditing.limits import within\n"
        "try:\n"
        "    with within('x', None, 64 << 20):\n"
        "        held = bytearray(256 << 20)\n"
        "except Exception as error:\n"
        "    print(error)\n"
        "held = bytearray(256 << 20)\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert said.stdout == "x needs more memory than the limit of 64 MiB.\n"


def test_importing_the_package_loads_nothing_heavy() -> None:
    program = (
        "import sys, patcher\n"
        "from patcher import audit, scan_image\n"
        "print([name for name in ('capstone', 'keystone', 'rich', 'elftools', 'unicorn') if name in sys.modules])"
    )
    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert said.stdout == "[]\n"


def test_an_elf_file_loads_no_other_format_and_no_archive(tmp_path: Path) -> None:
    """The first result comes sooner for it."""
    (tmp_path / "a.elf").write_bytes(bytes(Elf((Part(bytes.fromhex("0f a2 f4"), flags=5),))))
    program = (
        "import sys\n"
        "from patcher import audit\n"
        "report = audit('a.elf')\n"
        "print([finding.text for finding in report.files[0].binaries[0].findings])\n"
        "others = 'capstone', 'patcher.binary.pe', 'patcher.archive.zip_file'\n"
        "print([name for name in others if name in sys.modules])\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60, cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(patcher.__file__).parents[1])},
    )  # fmt: skip
    assert said.stdout == "['cpuid', 'hlt']\n[]\n"


def test_an_outcome_without_code_is_counted() -> None:
    assert many.report_of([Outcome("b", skipped=2), Outcome("a", skipped=1)]).skipped == 3
