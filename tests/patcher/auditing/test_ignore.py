# SPDX-License-Identifier: GPL-2.0-or-later
"""`.patchvisor.toml` and baselines: what is left out, and that nothing is left out by mistake."""

from pathlib import Path

import pytest
from audit_code import program

from patcher.auditing.auditor import audit_binary
from patcher.auditing.baseline import Baseline
from patcher.auditing.ignore import Ignore, nearest, read_ignores, without_ignored
from patcher.auditing.model import AuditReport, FileReport
from patcher.auditing.options import AuditOptions
from patcher.binary.model import Symbol
from patcher.errors import PatcherError
from patcher.x86.address import Gva


def report(text: str, path: str = "usr/bin/tool") -> FileReport:
    symbols = (Symbol(Gva(0x10000), "start", is_function=True),)
    return FileReport(path, 0, "", (audit_binary(program(text, symbols=symbols), AuditOptions()),))


def rules(file: FileReport) -> list[str]:
    return [finding.rule for finding in file.binaries[0].findings]


@pytest.mark.parametrize(
    ("entry", "left"),
    [
        (Ignore("x", rule="pushf"), ["cli", "popf"]),
        (Ignore("x", path="usr/*"), []),
        (Ignore("x", path="bin/tool"), []),
        (Ignore("x", path="tool"), []),
        (Ignore("x", path="ool"), ["pushf", "cli", "popf"]),
        (Ignore("x", function="st*"), []),
        (Ignore("x", function="main"), ["pushf", "cli", "popf"]),
        (Ignore("x", rule="cli", path="other"), ["pushf", "cli", "popf"]),
    ],
)
def test_an_entry_leaves_out_what_all_of_it_fits(entry: Ignore, left: list[str]) -> None:
    assert rules(without_ignored(report("pushfl\ncli\npopfl\nret"), (entry,))) == left


def test_a_fingerprint_is_one_finding() -> None:
    file = report("pushfl\npushfl\nret")
    entry = Ignore("x", fingerprint=file.binaries[0].findings[0].fingerprint)
    assert without_ignored(file, (entry,)).binaries[0].findings == file.binaries[0].findings[1:]


GOOD = '[[audit.ignore]]\nrule = "cpuid"\npath = "*.so"\nreason = "reviewed"\n'


def test_a_file_is_read(tmp_path: Path) -> None:
    (tmp_path / ".patchvisor.toml").write_text(GOOD)
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    found = nearest(folder)
    assert found == tmp_path / ".patchvisor.toml"
    assert read_ignores(found) == (Ignore("reviewed", rule="cpuid", path="*.so"),)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            GOOD.replace("path", "paht"),
            "audit.ignore[0]: the key 'paht' is not known; there is reason, rule,",
        ),
        (GOOD.replace("audit", "audits"), "the key 'audits' is not known; there is audit."),
        (GOOD.replace("ignore", "ignored"), "audit: the key 'ignored' is not known; there is ignore."),
        (GOOD.replace("cpuid", "cpuidd"), "audit.ignore[0]: there is no rule 'cpuidd'."),
        ('[[audit.ignore]]\nrule = "cpuid"\n', "audit.ignore[0] has no reason."),
        ('[[audit.ignore]]\nreason = "x"\n', "audit.ignore[0] would ignore everything: give a rule,"),
        ('[[audit.ignore]]\nrule = 3\nreason = "x"\n', "audit.ignore[0]: rule should be some text."),
        ('[audit]\nignore = "all"\n', "audit.ignore should be written [[audit.ignore]], an entry each."),
        ("audit = 1\n", "audit should be a table."),
        ("[audit\n", "is no TOML file: "),
    ],
)
def test_a_wrong_file_is_named_with_its_key(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text(text)
    with pytest.raises(PatcherError) as error:
        read_ignores(file)
    assert str(error.value).startswith(str(file))
    assert said in str(error.value)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(PatcherError, match="No such file or directory"):
        read_ignores(tmp_path / "none.toml")


def test_a_baseline_leaves_what_is_new() -> None:
    before = AuditReport((report("pushfl\ncli\nret"),))
    assert rules(Baseline.of(before).only_new(report("pushfl\ncli\nret", "renamed"))) == []
    assert rules(Baseline.of(before).only_new(report("pushfl\ncli\npopfl\nret"))) == ["popf"]


def test_a_second_copy_is_new() -> None:
    before = Baseline.of(AuditReport((report("pushfl\nret"),)))
    assert rules(before.only_new(report("pushfl\nret", "one"))) == []
    assert rules(before.only_new(report("pushfl\nret", "two"))) == ["pushf"]
