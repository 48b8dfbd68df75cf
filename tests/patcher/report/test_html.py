# SPDX-License-Identifier: GPL-2.0-or-later
"""Audits as a page: whole in one file, and safe whatever names the audited files hold."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from audit_samples import binary, finding, report

from patcher.auditing.model import AuditReport, FileReport, Kind, Tier
from patcher.report import html
from patcher.report.form import Options
from patcher.report.html import render

VOID = {"meta", "input"}


class Page(HTMLParser):
    """What a browser sees: tags in balance, the texts of cells, the embedded data."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []
        self.data = ""
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs) -> None:
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag if ("id", "data") not in attrs else "data")

    def handle_endtag(self, tag) -> None:
        assert self.open.pop() in (tag, "data")

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "data":
            self.data += data
        elif self.open and self.open[-1] in ("td", "a"):
            self.texts.append(data)


def page(audit: AuditReport) -> Page:
    return Page("".join(render(audit, Options())))


def test_holds_every_program_and_finding() -> None:
    programs = json.loads(page(report()).data)
    assert [one["name"] for one in programs] == ["boot/vmlinuz (setup)", "boot/vmlinuz", "lib/<b>&x.ko"]
    assert [row[0] for row in programs[1]["findings"]] == ["0xc0100010", "0xc0100020", "0xc0100011"]
    assert programs[1]["findings"][0][-1][1] == ["0xc0100010", "9c", "pushfd", "int3"]


def test_the_summary_stands_without_scripts() -> None:
    texts = page(report()).texts
    assert {
        "boot/vmlinuz",
        "lib/<b>&x.ko",
        "virtualizable after patching (3 sites)",
        "broken.exe is truncated.",
    } <= set(texts)


def test_an_empty_audit_is_a_page() -> None:
    assert json.loads(page(AuditReport(())).data) == []


def test_asks_no_network() -> None:
    shown = page(report())
    assert not [value for name, value in shown.attributes if name in ("src", "action", "srcset")]
    assert all(value.startswith("#") for name, value in shown.attributes if name == "href")
    text = "".join(render(report(), Options()))
    assert "default-src 'none'" in text
    assert not re.search(r"@import|url\(|fetch\(|XMLHttp", text)


def test_hostile_names_stay_text() -> None:
    evil = "</script><script>alert(1)</script><!-- \"' &amp; \udcff"
    file = FileReport(evil, 1, "00" * 32, (replace(binary(finding(function=evil, why=evil)), notes=(evil,)),))
    text = "".join(render(AuditReport((file,)), Options()))
    assert text.encode()
    shown = Page(text)
    assert text.count("<script") == 2
    assert json.loads(shown.data)[0]["facts"][-1] == evil.replace("\udcff", "\\udcff")


def test_a_page_has_room_for_all_that_is_sure_and_says_what_it_leaves_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(html, "MOST_UNSURE", 3)
    unsure = [finding(0xC010_0100 + n, tier=Tier.POSSIBLE) for n in range(2)]
    sure = [finding(0xC010_0200 + n, tier=Tier.LIKELY) for n in range(5)]
    program = binary(*unsure, *sure)
    first, second = json.loads(page(AuditReport((FileReport("a", 1, "00" * 32, (program, program)),))).data)
    assert len(first["findings"]) == 7
    assert [row[0] for row in second["findings"]] == ["0xc0100100", *(f"{f.address:#x}" for f in sure)]
    sentence = "Left out here: 1 possible or overlapping finding. A page has room for 3 of them;"
    assert not any("left out" in fact for fact in first["facts"])
    assert second["facts"][-1].startswith(sentence)


def test_names_cannot_turn_the_text_around() -> None:
    """U+202E shows what follows from right to left: a name could pretend to be another."""
    evil = "a\u202eko.exe\x1b[2J\0"
    found = binary(finding(function=evil, why=evil), name=evil, notes=(evil,))
    file = FileReport(evil, 1, "00" * 32, (found,))
    text = "".join(render(AuditReport((file,)), Options()))
    program = json.loads(Page(text).data)[0]
    shown = "a\\u202eko.exe\\x1b[2J\\x00"
    assert (program["name"], program["facts"][-1]) == (f"{shown} ({shown})", shown)
    assert program["findings"][0][1].startswith(shown)
    assert not re.search("[\u202e\x1b\0]", text)


def test_the_summary_counts_what_matters() -> None:
    harmless = finding(matters=False)
    file = FileReport("a", 1, "00" * 32, (binary(finding(), harmless, finding(kind=Kind.PRIVILEGED, matters=False)),))
    texts = page(AuditReport((file,))).texts
    assert texts[-3:] == ["1", "0", "virtualizable after patching (3 sites)"]
