# SPDX-License-Identifier: GPL-2.0-or-later
"""`--fail-on`: what counts, and that a possible finding never does."""

import pytest
from audit_code import findings, program

from patcher.auditing.auditor import audit_binary
from patcher.auditing.level import Level, What, parse_level
from patcher.auditing.model import AuditReport, FileReport, Tier
from patcher.auditing.options import AuditOptions
from patcher.errors import PatcherError


@pytest.mark.parametrize(
    ("text", "counted"),
    [
        ("hole", ["pushf"]),
        ("unproved", ["pushf"]),
        ("privileged", ["pushf", "cli"]),
        ("any", ["pushf", "cli", "push-ds"]),
        ("nothing", []),
        ("hole:likely", []),
        ("any:confirmed+likely", ["pushf", "cli", "push-ds"]),
    ],
)
def test_a_level_counts(text: str, counted: list[str]) -> None:
    found = findings(program("pushfl\ncli\npushl %ds\nret"))
    assert [finding.rule for finding in found if parse_level(text).reaches(finding)] == counted


def test_a_program_that_is_not_proved_counts_when_asked_for() -> None:
    """It has no finding, and its path leaves the file."""
    binary = audit_binary(program("nop\njmp 0x900000"), AuditOptions())
    report = AuditReport((FileReport("a", 1, "00" * 32, (binary,)),))
    assert not binary.findings
    assert parse_level("unproved").reached_by(report)
    assert not parse_level("any").reached_by(report)


def test_the_default_is_surely_a_hole() -> None:
    assert parse_level("hole") == Level(What.HOLE, frozenset({Tier.CONFIRMED, Tier.LIKELY}))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("holes", "'holes' is nothing to fail on; there is hole, unproved, privileged, any, nothing."),
        ("hole:possible", "'possible' is no tier to fail on; there is confirmed, likely, overlapping."),
        ("any:", None),
    ],
)
def test_a_level_that_is_none_is_told(text: str, sentence: str | None) -> None:
    if sentence is None:
        assert parse_level(text) == Level(What.ANY)
        return
    with pytest.raises(PatcherError) as error:
        parse_level(text)
    assert str(error.value) == sentence
