# SPDX-License-Identifier: GPL-2.0-or-later
"""The command `patchvisor bench audit`: what it lists, measures, keeps and refuses."""

import json
from pathlib import Path

import pytest

from vmm.bench.audit import tools
from vmm.bench.audit.cost import Cost, is_elf
from vmm.bench.audit.report import speed_text
from vmm.bench.audit.speed import Speed
from vmm.cli.main import main

needs_tools = pytest.mark.skipif(
    bool(tools.missing()), reason=f"not on PATH: {', '.join(tools.missing())} (Debian: gcc, binutils)"
)


def test_the_list_has_classes_and_sources(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "audit", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if not line.startswith(" ")] == [
        "a  plain compiled code", "b  data in code", "c  obfuscated", "d  mixed 16, 32 and 64 bit",
    ]  # fmt: skip
    assert "   d/boot_sector  1 way" in lines


@needs_tools
def test_one_source_is_measured_and_kept(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    arguments = ["--only", "d/boot_sector", "--subject", "linear sweep", "--json", "--keep", str(tmp_path)]
    assert main(["bench", "audit", *arguments]) == 0
    (file,) = json.loads(capsys.readouterr().out)["files"]
    assert (file["source"], file["form"], file["bytes"]) == ("d/boot_sector", "raw", 512)
    (judged,) = file["judged"]
    assert (judged["subject"], judged["sites"]["true"]) == ("linear sweep", file["sites"])
    image, truth = sorted(tmp_path.iterdir())
    assert image.read_bytes()[510:] == b"\x55\xaa"
    assert len(truth.read_text().splitlines()) == file["instructions"]


@needs_tools
@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--only", "a/none"), "No source is called a/none: see patchvisor bench audit --list."),
        (
            ("--only", "a/quiet", "--subject", "x"),
            "No subject is called x; there are patchvisor, linear sweep, objdump -d.",
        ),
    ],
)  # fmt: skip
def test_names_that_nobody_has(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], complaint: str
) -> None:
    assert main(["bench", "audit", *arguments]) == 2
    assert complaint in " ".join(capsys.readouterr().err.split())


def test_without_a_compiler_there_is_a_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    assert main(["bench", "audit", "--only", "a/quiet"]) != 0
    assert "Not on PATH: gcc, as, ld, strip;" in capsys.readouterr().err


def test_speed_is_two_tables() -> None:
    speeds = (Speed("sweep", 2_000_000, 0.5, 1.0, 7), Speed("objdump -d", 2_000_000, 4.0, 8.0))
    cost = Cost(3, 1, 1, 2_000_000, 7, elapsed=2.5, processor=4.0, peak=150_000_000)
    lines = [" ".join(line.split()) for line in speed_text(speeds, cost).splitlines()]
    assert lines == [
        "2.0 MB of code",
        "tool MB/s seconds sweep is times as fast found",
        "sweep 4.00 0.5 1.0 7",
        "objdump -d 0.50 4.0 8.0",
        "",
        "audited unreadable MB of code jobs seconds MB/s a core peak MB findings",
        "3 1 2.0 1 2.5 0.50 150 7",
    ]


def test_several_processes_are_timed_by_the_clock() -> None:
    cost = Cost(3, 0, 2, 2_000_000, 7, elapsed=2.5, processor=None, peak=None)
    assert cost.megabytes_per_second == pytest.approx(0.4)


def test_elf_files_are_told_by_their_first_bytes(tmp_path: Path) -> None:
    (tmp_path / "yes").write_bytes(b"\x7fELF and more")
    (tmp_path / "no").write_bytes(b"MZ")
    assert [is_elf(tmp_path / name) for name in ("yes", "no", "absent")] == [True, False, False]
