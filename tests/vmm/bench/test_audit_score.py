# SPDX-License-Identifier: GPL-2.0-or-later
"""The arithmetic of precision and recall, how claims are judged, and the tables and lists made of it."""

import json

import pytest

from vmm.bench.audit.build import Known, Region, Sample, Truth
from vmm.bench.audit.goals import Goal
from vmm.bench.audit.measure import Result, judge
from vmm.bench.audit.report import HEADINGS, document, rows, table, worst
from vmm.bench.audit.score import Score, score, total
from vmm.bench.audit.subjects import ALL_TIERS, CONFIRMED, FOLLOW, LIKELY, OBJDUMP, SWEEP, Claims

#: nop; pushf; (data 9c); padding; cli; then a byte of the linker's.
TRUTH = Truth(
    {0: Known(32, 1, "nop", False), 1: Known(32, 1, "pushf", True), 5: Known(16, 1, "cli", True)},
    frozenset({3, 4}),
    ((0, 6),),
)
SAMPLE = Sample(
    "a/x", "a", "32 O2", "exe", bytes.fromhex("909c9c9090fafa"), (Region(0, 0x1000, 7, 32),), TRUTH
)


def test_shares() -> None:
    found = score({1, 2, 3}, {1, 3, 5, 7})
    assert found == Score(right=2, claimed=3, true=4)
    assert (found.precision, found.recall) == (pytest.approx(2 / 3), 0.5)


def test_shares_of_nothing() -> None:
    assert (Score().precision, Score().recall) == (None, None)
    assert (score(set(), {1}).precision, score(set(), {1}).recall) == (None, 0.0)


def test_neutral_places_count_for_nothing_unless_they_are_true() -> None:
    assert score({1, 2, 3}, {1}, neutral={1, 2}) == Score(right=1, claimed=2, true=1)


def test_places_are_counted_and_not_files() -> None:
    assert total([Score(1, 1, 1), Score(0, 9, 9)]) == Score(1, 10, 10)


@pytest.mark.parametrize(
    ("goal", "reached", "met"),
    [
        (Goal(0.9, 0.9), Score(9, 10, 10), True),
        (Goal(0.9, 0.9), Score(9, 10, 11), False),
        (Goal(0.91, 0.9), Score(9, 10, 10), False),
        (Goal(None, 0.9), Score(9, 100, 10), True),
        (Goal(0.9, 0.9), Score(0, 0, 0), True),
        (Goal(0.9, 0.9), Score(0, 0, 3), False),
    ],
)
def test_goals(goal: Goal, reached: Score, met: bool) -> None:
    assert goal.met_by(reached) is met


def claims() -> Claims:
    """`cli` in the wrong mode, false sites in data and in padding, and the linker's byte."""
    sure, all_ = frozenset({2, 5}), frozenset({1, 2, 4, 5, 6})
    return Claims(
        {CONFIRMED: sure, LIKELY: sure, ALL_TIERS: all_},
        {CONFIRMED: frozenset({0, 2, 3, 5, 6})},
        {CONFIRMED: frozenset({(2, 32), (5, 32)}), ALL_TIERS: frozenset({(5, 32), (5, 16), (1, 32)})},
    )


def test_claims_are_judged() -> None:
    confirmed, _, everything = judge(SAMPLE, FOLLOW, claims())
    assert (confirmed.sites, confirmed.missed, confirmed.false) == (Score(1, 2, 2), (1,), (2,))
    assert confirmed.starts == Score(2, 3, 3)  # padding and the linker's byte count for nothing
    assert confirmed.wrong_mode == 1
    assert (everything.sites, everything.false) == (Score(2, 4, 2), (2, 4))  # a site in padding is false
    assert everything.starts is None
    assert everything.wrong_mode == 0  # one of the two sizes claimed for it is right


def result() -> Result:
    return Result(SAMPLE, tuple(judge(SAMPLE, FOLLOW, claims())))


def test_the_table() -> None:
    lines = table(HEADINGS, rows([result()])).splitlines()
    assert [" ".join(line.split()) for line in lines] == [
        " ".join(" ".join(HEADINGS).split()),
        "A plain compiled code patchvisor confirmed 0.5000 0.5000 2 0.998/0.995 MISSED 0.6667 0.6667 1",
        "A plain compiled code patchvisor confirmed, likely 0.5000 0.5000 2",
        "A plain compiled code patchvisor all tiers 0.5000 1.0000 2 –/0.999 reached",
    ]


def test_the_worst_files() -> None:
    assert list(worst([result()], (FOLLOW.name, CONFIRMED), 5)) == [
        "a/x (32 O2, exe): 1 of 2 missed, 1 false",
        "  missed file offset 0x1 at 0x1001: pushf (32 bit)",
        "  false  file offset 0x2 at 0x1002: 9c 90 90 fa fa",
    ]


def test_the_json_form_holds_counts_and_places() -> None:
    (file,) = json.loads(json.dumps(document([result()])))["files"]
    assert (file["source"], file["class"], file["instructions"], file["sites"]) == ("a/x", "a", 3, 2)
    assert file["judged"][0]["sites"] == {"right": 1, "claimed": 2, "true": 2}
    assert file["judged"][0]["missed"] == [1]


def test_the_names_of_subjects_differ() -> None:
    assert len({subject.name for subject in (FOLLOW, SWEEP, OBJDUMP)}) == 3
