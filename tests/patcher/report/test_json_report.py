# SPDX-License-Identifier: GPL-2.0-or-later
"""Audits as JSON: what is written reads back as it was, and nothing else reads."""

import json
from enum import Enum
from importlib.resources import files
from pathlib import Path

import pytest
from audit_samples import report

from patcher.auditing.model import (
    AuditReport,
    BinaryReport,
    CodeLine,
    Coverage,
    FileReport,
    Finding,
    Kind,
    Span,
    Status,
    Tier,
    Unreadable,
    Verdict,
)
from patcher.binary.model import Origin, Privilege
from patcher.errors import PatcherError
from patcher.patch import Tactic
from patcher.report.form import Options
from patcher.report.json_report import read_report, read_report_file, render

ANEW = "make it anew with `patchvisor audit --format json`."
OTHER = f" Another version of patchvisor wrote it, or it was changed: {ANEW}"


def written(audit: AuditReport) -> str:
    return "".join(render(audit, Options()))


def schema() -> dict:
    return json.loads(files("patcher.report").joinpath("audit.schema.json").read_text(encoding="utf-8"))


def test_reads_back_exactly() -> None:
    assert read_report(written(report()), "r.json") == report()


def test_an_empty_report_reads_back() -> None:
    assert read_report(written(AuditReport(())), "r.json") == AuditReport(())


def test_is_a_line_a_file() -> None:
    lines = written(report()).splitlines()
    assert [json.loads(line.rstrip(","))["path"] for line in lines[1:3]] == ["boot/vmlinuz", "lib/<b>&x.ko"]


def test_addresses_are_texts_and_fingerprints_are_there() -> None:
    row = json.loads(written(report()))["files"][0]["binaries"][1]["findings"][0]
    assert row["address"] == "0xc0100010"
    assert row["around"][1]["raw"] == "9c"
    assert row["fingerprint"] == report().files[0].binaries[1].findings[0].fingerprint


def test_names_that_are_no_utf8_survive() -> None:
    audit = AuditReport((), (report().unreadable[0].__class__("a\udcff", "sentence"),))
    text = written(audit)
    text.encode()
    assert read_report(text, "r.json") == audit


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda d: d.update(version=2), "r.json is an audit of version 2, and 1 is read here."),
        (lambda d: d.update(files=5), "r.json: files should be of type list, not int."),
        (lambda d: d["files"][0].update(size="1"), "r.json: files[0].size should be of type int, not str."),
        (
            lambda d: d["files"][0].update(extra=1),
            "r.json: files[0] has the key 'extra', which is not known.",
        ),
        (
            lambda d: d["files"][0]["binaries"][1]["coverage"].pop("data"),
            "r.json: files[0].binaries[1].coverage has no key 'data'.",
        ),
        (
            lambda d: d["files"][0]["binaries"][1]["findings"][0].update(tactic="step"),
            "r.json: files[0].binaries[1].findings[0].tactic is 'step', which is not known.",
        ),
        (
            lambda d: d["files"][0]["binaries"][1]["findings"][0].update(rule="loadall"),
            "r.json names the rule 'loadall', which is not known.",
        ),
        (
            lambda d: d.pop("skipped"),
            "r.json is no whole report of an audit: its keys are 'schema', 'version', 'files', 'unreadable'.",
        ),
        (
            lambda d: d["files"][0]["binaries"][1]["findings"][0].update(tier="sure"),
            "r.json: files[0].binaries[1].findings[0].tier is 'sure', which is not known.",
        ),
        (
            lambda d: d["files"][0]["binaries"][1]["findings"][0].update(raw="zz"),
            "r.json: files[0].binaries[1].findings[0].raw should be hexadecimal digits, not 'zz'.",
        ),
        (
            lambda d: d["files"][0]["binaries"][1]["findings"][0].update(address="here"),
            "r.json: files[0].binaries[1].findings[0].address should be an address like 0x1000, not 'here'.",
        ),
    ],
)
def test_says_what_is_wrong_and_what_to_do(change, sentence: str) -> None:
    document = json.loads(written(report()))
    change(document)
    with pytest.raises(PatcherError) as error:
        read_report(json.dumps(document), "r.json")
    assert str(error.value) == sentence + OTHER


def test_text_that_is_no_json_is_a_sentence() -> None:
    for text in ("{", "[" * 100_000):
        with pytest.raises(PatcherError, match=rf"^r\.json is no JSON report of an audit \(.*\): {ANEW}$"):
            read_report(text, "r.json")


def test_another_document_is_a_sentence() -> None:
    with pytest.raises(PatcherError) as error:
        read_report('{"$schema": "https://json.schemastore.org/sarif-2.1.0.json"}', "r.json")
    assert str(error.value) == f"r.json is no JSON report of an audit (its schema is not patchvisor.audit): {ANEW}"


def test_a_file_that_is_no_text_is_a_sentence(tmp_path: Path) -> None:
    file = tmp_path / "r.json"
    file.write_bytes(b"\x7fELF\xff")
    with pytest.raises(PatcherError) as error:
        read_report_file(str(file))
    assert str(error.value) == f"{file} is no JSON report of an audit (it is no UTF-8): {ANEW}"


def test_the_published_schema_describes_it() -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="the package jsonschema is not installed")
    jsonschema.Draft202012Validator.check_schema(schema())
    jsonschema.validate(json.loads(written(report())), schema())
    broken = json.loads(written(report()))
    broken["files"][0]["surprise"] = 1
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(broken, schema())


RECORDS = (BinaryReport, CodeLine, Coverage, FileReport, Finding, Span, Unreadable, Verdict)


@pytest.mark.parametrize("record", RECORDS)
def test_the_published_schema_has_every_key(record: type) -> None:
    derived = {"fingerprint"} if record is Finding else set()
    described = schema()["$defs"][record.__name__]
    assert set(described["required"]) == described["properties"].keys() == record.__annotations__.keys() | derived


@pytest.mark.parametrize(
    ("record", "key", "words"),
    [
        ("Finding", "kind", Kind),
        ("Finding", "tier", Tier),
        ("Finding", "tactic", Tactic),
        ("Finding", "origin", Origin),
        ("BinaryReport", "privilege", Privilege),
        ("Verdict", "status", Status),
    ],
)
def test_the_published_schema_has_every_word(record: str, key: str, words: type[Enum]) -> None:
    described = schema()["$defs"][record]["properties"][key]
    listed = described.get("enum") or described["anyOf"][0]["enum"]
    assert sorted(listed) == sorted(word.value for word in words)
