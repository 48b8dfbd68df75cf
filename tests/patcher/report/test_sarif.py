# SPDX-License-Identifier: GPL-2.0-or-later
"""Audits as SARIF: valid by the parts of the standard that are used, and by what code-scanning services ask for."""

import json
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from audit_samples import binary, finding, report

from patcher import audit
from patcher.auditing.model import AuditReport, FileReport, Kind, Tier
from patcher.report.form import Options
from patcher.report.sarif import render

SCHEMA = Path(__file__).with_name("sarif-used.schema.json")


def log(audit: AuditReport) -> dict:
    return json.loads("".join(render(audit, Options())))


def results(*findings, name: str = "") -> list[dict]:
    file = FileReport("a.o", 1, "00" * 32, (binary(*findings, name=name),))
    return log(AuditReport((file,)))["runs"][0]["results"]


def test_is_valid() -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="the package jsonschema is not installed")
    jsonschema.validate(log(report()), json.loads(SCHEMA.read_text(encoding="utf-8")))


def test_an_empty_audit_is_valid() -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="the package jsonschema is not installed")
    jsonschema.validate(log(AuditReport(())), json.loads(SCHEMA.read_text(encoding="utf-8")))


def test_every_index_leads_to_what_the_result_names() -> None:
    run = log(report())["runs"][0]
    for result in run["results"]:
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        place = result["locations"][0]["physicalLocation"]["artifactLocation"]
        assert run["artifacts"][place["index"]]["location"]["uri"] == place["uri"]


def test_one_result_for_a_function_and_a_rule() -> None:
    sites = (finding(0x1010 + n * 0x10, function_offset=0x10 + n * 0x10) for n in range(3))
    (result,) = results(*sites)
    assert result["properties"]["sites"] == 3
    assert [one["physicalLocation"]["address"]["absoluteAddress"] for one in result["relatedLocations"]] == [
        0x1020,
        0x1030,
    ]
    assert " and 2 more in this function, confirmed:" in result["message"]["text"]


def test_many_sites_are_counted_but_not_all_listed() -> None:
    (result,) = results(*(finding(0x1000 + n, function_offset=n) for n in range(500)))
    assert result["properties"]["sites"] == 500
    assert len(result["relatedLocations"]) == 99


@pytest.mark.parametrize(
    ("changes", "level"),
    [
        ({}, "error"),
        ({"tier": Tier.LIKELY}, "warning"),
        ({"kind": Kind.PRIVILEGED}, "note"),
        ({"matters": False}, "note"),
    ],
)
def test_level(changes: dict, level: str) -> None:
    assert results(finding(**changes))[0]["level"] == level


def test_fingerprints_survive_relinking() -> None:
    here, there = finding(0x1010, function_offset=0x10), finding(0x9999, function_offset=0x10, file_offset=5)
    other = finding(0x1010, function_offset=0x11)
    prints = [results(one)[0]["partialFingerprints"] for one in (here, there, other)]
    assert prints[0] == prints[1] != prints[2]


def test_what_lies_inside_a_file_has_the_files_location() -> None:
    file = FileReport("/pool/a b.deb!./boot/vmlinuz", 1, "00" * 32, (binary(finding(), name="setup"),))
    run = log(AuditReport((file,)))["runs"][0]
    location = run["results"][0]["locations"][0]
    assert location["physicalLocation"]["artifactLocation"]["uri"] == "pool/a%20b.deb"
    assert location["logicalLocations"][0]["fullyQualifiedName"] == "./boot/vmlinuz!setup!save_flags"
    assert "hashes" not in run["artifacts"][0]  # the digest is the member's


def test_the_most_severe_site_speaks_for_its_function() -> None:
    likely, sure = finding(0x1010, tier=Tier.LIKELY, function_offset=0x10), finding(0x1020, function_offset=0x20)
    (result,) = results(likely, sure)
    address = result["locations"][0]["physicalLocation"]["address"]["absoluteAddress"]
    assert (result["level"], address, result["properties"]["sites"]) == ("error", 0x1020, 2)
    assert len(results(sure, finding(0x2020, function_offset=0x20))) == 2  # two functions of one name


def test_fingerprints_that_services_look_at_are_unique_in_a_file() -> None:
    twice = results(finding(0x1010, function_offset=0x10), finding(0x2010, function_offset=0x10))
    prints = [result["partialFingerprints"]["primaryLocationLineHash"] for result in twice]
    assert [one[-2:] for one in prints] == [":1", ":2"]
    assert prints[0][:-1] == prints[1][:-1]


def test_services_get_what_they_keep_and_a_number() -> None:
    """The least severe are left out, wherever they stand."""
    notes = [finding(0x1000 * n, kind=Kind.PRIVILEGED, function_offset=0) for n in range(1, 4000)]
    errors = [finding(0x1000 * n, function_offset=0) for n in range(4000, 6500)]
    file = FileReport("a.o", 1, "00" * 32, (binary(*notes, *errors),))
    run = log(AuditReport((file,)))["runs"][0]
    levels = Counter(result["level"] for result in run["results"])
    assert levels == {"error": 2500, "note": 2500}
    (said,) = run["invocations"][0]["toolExecutionNotifications"]
    text = "Left out: 1499 results of lower levels. Services keep 5000; JSON and CSV have all."
    assert said["message"]["text"] == text


def test_names_make_no_links() -> None:
    evil = "[x](http://evil.example)\\\u202e\x1b"
    (result,) = results(finding(function=evil, function_offset=0), name=evil)
    shown = "\\[x\\](http://evil.example)\\\\\\\\u202e\\\\x1b"
    assert result["message"]["text"].startswith(f"`pushfd` at 0xc0100010 ({shown}+0x0) in {shown}, confirmed: ")


@pytest.mark.parametrize("audited", [report, lambda: audit("/usr/bin/env")], ids=["made up", "real"])
def test_is_valid_by_the_whole_standard(audited: Callable[[], AuditReport]) -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="the package jsonschema is not installed")
    place = os.environ.get("SARIF_SCHEMA")
    if place is None:
        pytest.skip("SARIF_SCHEMA does not name the standard's schema (sarif-schema-2.1.0.json, from OASIS).")
    jsonschema.validate(log(audited()), json.loads(Path(place).read_text(encoding="utf-8")))


def test_unpacked_code_has_no_byte_offset() -> None:
    assert results(finding(file_offset=None))[0]["locations"][0]["physicalLocation"]["region"] == {
        "startLine": 1
    }


def test_what_cannot_be_closed_says_why() -> None:
    (result,) = results(finding(tactic=None, tactic_reason="Two decodings share its first byte."))
    assert result["message"]["text"].endswith("Not closed: Two decodings share its first byte.")


def test_unreadable_files_are_notifications() -> None:
    (note,) = log(report())["runs"][0]["invocations"][0]["toolExecutionNotifications"]
    assert note["message"]["text"] == "broken.exe is truncated."


def test_names_that_are_no_utf8_become_percent_signs() -> None:
    file = replace(report().files[0], path="a\udcff.o")
    assert log(AuditReport((file,)))["runs"][0]["artifacts"][0]["location"]["uri"] == "a%FF.o"


def test_a_file_keeps_its_name_on_disk() -> None:
    file = FileReport(r"/build/bang\x21 \x5c\n\xff.o!m.o", 1, "", (binary(finding()),))
    place = log(AuditReport((file,)))["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "build/bang%21%20%5C%0A%FF.o"


def test_sites_of_no_function_are_those_of_a_section() -> None:
    sites = (finding(0x1010 + n, function="", function_offset=0x10 + n) for n in range(2))
    (result,) = results(*sites)
    assert " and 1 more in this section, confirmed:" in result["message"]["text"]
    place = result["locations"][0]
    assert place["physicalLocation"]["address"]["fullyQualifiedName"] == ".text+0x10"
    assert "kind" not in place["logicalLocations"][0]


def test_a_member_has_no_place_in_the_archive() -> None:
    """Its offsets count from its own first byte."""
    for path, region in (
        ("a.o", {"startLine": 1, "byteOffset": 0x40, "byteLength": 1}),
        ("a.deb!./a.o", {"startLine": 1}),
    ):
        file = FileReport(path, 1, "", (binary(finding(file_offset=0x40)),))
        place = log(AuditReport((file,)))["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
        assert place["region"] == region
