# SPDX-License-Identifier: GPL-2.0-or-later
"""Explanations: every rule has one, with an example that its own row claims."""

import pytest

from patcher.auditing.explain import example, explanation, find_rule, summary
from patcher.auditing.rows import audited, rules
from patcher.catalogue import CATALOGUE, SensitiveInsn, classify
from patcher.errors import PatcherError


@pytest.mark.parametrize("row", [row for rows in rules().values() for row in rows], ids=str)
def test_an_example_is_of_its_row(row: SensitiveInsn) -> None:
    for bits in row.modes:
        assert classify(example(row, bits)) is row


@pytest.mark.parametrize("rule", rules())
def test_every_rule_is_explained(rule: str) -> None:
    text = "\n".join(explanation(find_rule(rule)))
    row = rules()[rule][0]
    assert row.manual in text
    assert row.breaks in text or row.effect == "push sreg"
    assert ".byte" not in text


@pytest.mark.parametrize("row", CATALOGUE, ids=str)
def test_every_row_is_explained_with_an_example(row: SensitiveInsn) -> None:
    lines = list(explanation(find_rule(str(row))))
    assert row.manual in "\n".join(lines)
    assert [line for line in lines if f" bit  {example(row, min(row.modes)).raw.hex(' ')} " in line]
    assert any(line.startswith("  Not audited: ") for line in lines) != audited(row)


def test_pushf_is_explained() -> None:
    lines = list(explanation(find_rule("pushf")))
    assert lines[0] == "pushf (pushf; family flags)"
    assert "  Robin, Irvine: number 5, rule 3B (USENIX Security 2000)" in lines
    assert any(line.startswith("    32 bit  9c ") and "pushfd" in line and "pushfl" in line for line in lines)


def test_a_rule_is_found_by_a_rows_name() -> None:
    assert find_rule("mov r/m,sreg") == find_rule("mov-r-m-sreg")
    assert [str(row) for row in find_rule("PUSHF (9c)")] == ["pushf (9C)"]
    assert find_rule("SIDT") == find_rule("sidt")


def test_a_wrong_name_gets_the_nearest() -> None:
    with pytest.raises(PatcherError) as error:
        find_rule("pushff")
    assert str(error.value) == "There is no rule 'pushff' (did you mean pushf, push-fs or push-ss?)."


def test_the_summary_has_a_line_a_rule() -> None:
    assert [line.split()[0] for line in summary()] == list(rules())
