# SPDX-License-Identifier: GPL-2.0-or-later
"""`patchvisor audit` and `patchvisor explain`: what they print where, and their exit statuses."""

import csv
import io
import json
from pathlib import Path

import pytest
from executables import Elf, Part

CODE = b"\x9c\x58\xfa\x0f\x01\x08\xc3"  # pushf; pop; cli; sidt [eax]; ret


@pytest.fixture
def image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An ELF program of user code, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tool").write_bytes(bytes(Elf((Part(CODE, flags=5),))))
    return "tool"


def test_the_report_is_on_stdout(patchvisor, image: str) -> None:
    said = patchvisor("audit", image)
    assert said.status == 1
    assert said.err == ""
    assert said.out.splitlines()[0].split() == [
        "FILE", "FORMAT", "RING", "CODE", "SEEN", "HOLES", "TRAPPING", "VERDICT",
    ]  # fmt: skip
    assert "virtualizable after patching (1 site)" in said.out
    assert "sidt, trap, red pill" in said.out
    assert "pushfd" not in said.out


def test_verbose_shows_what_stands_around(patchvisor, image: str) -> None:
    out = patchvisor("audit", image, "-v").out
    assert "pushfd" in out
    assert "sidt [eax]                       -> int3" in out


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ((), 1),
        (("--fail-on", "nothing"), 0),
        (("--fail-on", "hole:likely"), 0),
        (("--fail-on", "any"), 1),
        (("--cpl", "0", "--fail-on", "privileged"), 1),
        (("missing",), 3),
        (("--fail-on", "nothing", "missing"), 3),
    ],
)
def test_statuses(patchvisor, image: str, words: tuple[str, ...], status: int) -> None:
    assert patchvisor("audit", image, *words).status == status


@pytest.mark.parametrize(("words", "status"), [((), 0), (("--fail-on", "hole:overlapping"), 1)])
def test_a_tier_that_decides_the_status_by_its_name_is_reported(
    patchvisor, tmp_path: Path, words: tuple[str, ...], status: int
) -> None:
    hidden = b"\xb8\x0f\x01\x08\xc3\xc3"  # mov eax, 0xc308010f; ret: a sidt inside
    (tmp_path / "hidden").write_bytes(bytes(Elf((Part(hidden, flags=5),))))
    said = patchvisor("audit", str(tmp_path / "hidden"), *words)
    assert said.status == status
    assert ("sidt, turns, overlapping" in said.out) == bool(status)


def test_a_tier_that_is_not_reported_decides_nothing(patchvisor, image: str) -> None:
    assert patchvisor("audit", image, "--tier", "likely").status == 0
    assert patchvisor("audit", image, "--tier", "likely", "--fail-on", "hole:confirmed").status == 1


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((), "Missing argument 'PATH...'."),
        (("tool", "--fail-on", "holes"), "--fail-on holes: 'holes' is nothing to fail on"),
        (("tool", "--format", "xml"), "'xml' is no format; there is csv, html, json, sarif, text"),
        (("tool", "--base", "0x100"), "--base and --entry are for raw bytes: give --mode as well"),
        (("",), "an empty path names nothing; '.' is this folder"),
        (("tool", "-o", ""), "-o: an empty path names nothing"),
        (("-",), "standard input is not read: write it to a file, and name that"),
        (("tool", "--mode", "48"), "'48' is not one of '16', '32', '64'"),
        (("tool", "--base", "here"), "'here' is not an address: write 0x7c00 or 31744"),
        (("tool", "--baseline", "none.json"), "--baseline none.json: No such file or directory"),
        (("tool", "--baseline", "tool"), "--baseline: tool is no JSON report of an audit ("),
        (("tool", "--config", "none.toml"), "none.toml: No such file or directory"),
        (("tool", "-o", "no/such/folder"), "-o no/such/folder: No such file or directory"),
        (("tool", "--max-seconds", "0"), "is not between 0 and"),
        (("tool", "--max-seconds", "nan"), "is not between 0 and"),
    ],
)
def test_a_wrong_command_line(patchvisor, image: str, words: tuple[str, ...], sentence: str) -> None:
    said = patchvisor("audit", *words)
    assert (said.status, said.out) == (2, "")
    assert sentence in said.err


def test_the_ring_and_iopl_can_be_told(patchvisor, image: str) -> None:
    assert "after patching (2 sites)" in patchvisor("audit", image, "--cpl", "0").out
    assert "after patching (2 sites)" in patchvisor("audit", image, "--iopl", "3").out


def test_raw_bytes(patchvisor, tmp_path: Path) -> None:
    file = tmp_path / "raw.bin"
    file.write_bytes(b"\x90" * 4 + CODE)
    said = patchvisor("audit", str(file), "--mode", "32", "--base", "0x7c00", "--entry", "0x7c04")
    assert said.status == 1
    assert "7c04  +0x4" in said.out


def test_every_format(patchvisor, image: str, tmp_path: Path) -> None:
    document = json.loads(patchvisor("audit", image, "--format", "json").out)
    assert document["schema"] == "patchvisor.audit"
    rows = list(csv.reader(io.StringIO(patchvisor("audit", image, "--format", "csv").out)))
    assert [row[10] for row in rows] == ["rule", "pushf", "cli", "sidt"]
    assert json.loads(patchvisor("audit", image, "--format", "sarif").out)["version"] == "2.1.0"
    assert patchvisor("audit", image, "--format", "html", "-o", "page.html").out == ""
    assert "int3" in Path("page.html").read_text()


def test_a_baseline_leaves_what_is_new(patchvisor, image: str) -> None:
    patchvisor("audit", image, "--format", "json", "-o", "before.json")
    assert patchvisor("audit", image, "--baseline", "before.json").status == 0
    Path(image).write_bytes(bytes(Elf((Part(CODE[:-1] + b"\x0f\xa2\xc3", flags=5),))))
    said = patchvisor("audit", image, "--baseline", "before.json")
    assert said.status == 1
    assert "cpuid" in said.out
    assert "red pill" not in said.out


def test_what_is_accepted_is_ignored(patchvisor, image: str) -> None:
    Path(".patchvisor.toml").write_text('[[audit.ignore]]\nrule = "sidt"\nreason = "known"\n')
    assert patchvisor("audit", image).status == 0
    Path(".patchvisor.toml").write_text('[[audit.ignore]]\nrul = "sidt"\nreason = "known"\n')
    said = patchvisor("audit", image)
    assert (said.status, said.out) == (2, "")
    assert "the key 'rul' is not known" in said.err


def test_explain(patchvisor) -> None:
    assert patchvisor("explain", "sidt").out.startswith("sidt (sidt; family tables)\n")
    assert len(patchvisor("explain").out.splitlines()) > 80
    said = patchvisor("explain", "sitd")
    assert (said.status, said.out) == (2, "")
    assert "There is no rule 'sitd' (did you mean sidt?)." in said.err


def test_a_report_does_not_replace_what_it_is_about(patchvisor, image: str) -> None:
    before = Path(image).read_bytes()
    said = patchvisor("audit", image, "-o", image)
    assert said.status == 2
    assert f"-o {image} is what is to be read, and would be lost" in said.err
    assert Path(image).read_bytes() == before
