# SPDX-License-Identifier: GPL-2.0-or-later
"""Audits as JSON: what is written reads back as it was, and nothing else reads."""

import json
from importlib.resources import files

import pytest
from audit_samples import report

from patcher.auditing.model import AuditReport
from patcher.errors import PatcherError
from patcher.report.form import Options
from patcher.report.json_report import read_report, render


def written(audit: AuditReport) -> str:
    return "".join(render(audit, Options()))


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
        (
            lambda d: d.update(schema="x"),
            "r.json is no JSON report of an audit: its schema is not patchvisor.audit.",
        ),
        (lambda d: d.update(files=5), "r.json: files should be of type list, not int."),
        (lambda d: d["files"][0].update(size="1"), "r.json: files[0].size should be of type int, not str."),
        (
            lambda d: d["files"][0].update(extra=1),
            "In r.json: files[0] the key 'extra' is missing or unknown.",
        ),
        (
            lambda d: d["files"][0]["binaries"][1]["findings"][0].update(tier="sure"),
            "r.json: files[0].binaries[1].findings[0].tier has no value 'sure'.",
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
def test_says_what_is_wrong(change, sentence: str) -> None:
    document = json.loads(written(report()))
    change(document)
    with pytest.raises(PatcherError) as error:
        read_report(json.dumps(document), "r.json")
    assert str(error.value) == sentence


def test_text_that_is_no_json_is_a_sentence() -> None:
    for text in ("{", "[" * 100_000):
        with pytest.raises(PatcherError, match=r"^r\.json is no JSON report of an audit: "):
            read_report(text, "r.json")


def test_the_published_schema_describes_it() -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="the package jsonschema is not installed")
    schema = json.loads(files("patcher.report").joinpath("audit.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(json.loads(written(report())), schema)
    broken = json.loads(written(report()))
    broken["files"][0]["surprise"] = 1
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(broken, schema)
