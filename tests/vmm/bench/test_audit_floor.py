# SPDX-License-Identifier: GPL-2.0-or-later
"""What the audit finds in a part of the corpora must not fall below what it once found.

The floors are a little below what was measured; docs/audit-accuracy.md has the figures of the whole corpora beside the
goals. Raise a floor when the audit has become better.
"""

from fnmatch import fnmatchcase

import pytest

from vmm.bench.audit import tools
from vmm.bench.audit.measure import Result, measure
from vmm.bench.audit.score import Score, total
from vmm.bench.audit.session import Choices, sources
from vmm.bench.audit.subjects import ALL_TIERS, CONFIRMED, FOLLOW, LIKELY

pytestmark = pytest.mark.skipif(
    bool(tools.missing()), reason=f"not on PATH: {', '.join(tools.missing())} (Debian: gcc, binutils)"
)

PART = (
    "a/kernel", "a/redpills", "a/calls", "b/[a-oq-z]*", "b/pools-*-[12]", "b/pooled-bytecode", "c/shapes*",
    "c/undecidable*", "c/tricks-*-[123]", "d/[a-ln-z]*", "d/multiboot64", "d/modes-?",
)  # fmt: skip

#: class, tiers -> least precision, least recall
FLOORS = {
    ("a", CONFIRMED): (0.999, 0.995),
    ("a", LIKELY): (0.999, 0.999),
    ("a", ALL_TIERS): (0.0, 0.999),
    ("b", CONFIRMED): (0.997, 0.930),
    ("b", LIKELY): (0.947, 0.943),
    ("b", ALL_TIERS): (0.0, 0.999),
    ("c", CONFIRMED): (0.997, 0.950),
    ("c", LIKELY): (0.75, 0.950),
    ("c", ALL_TIERS): (0.0, 0.999),
    ("d", CONFIRMED): (0.995, 0.975),
    ("d", LIKELY): (0.991, 0.995),
    ("d", ALL_TIERS): (0.0, 0.999),
}


@pytest.fixture(scope="module")
def results() -> list[Result]:
    chosen = [s for s in sources(Choices()) if any(fnmatchcase(s.name, pattern) for pattern in PART)]
    return measure(chosen, [FOLLOW], lambda text: None)


@pytest.mark.timeout(600)
def test_nothing_fails(results: list[Result]) -> None:
    assert not [failure for result in results for failure in result.failures]


@pytest.mark.parametrize(("group", "step"), FLOORS)
def test_precision_and_recall_stay(results: list[Result], group: str, step: str) -> None:
    judged = [j.sites for r in results if r.sample.group == group for j in r.judged if j.step == step]
    reached: Score = total(judged)
    precision, recall = FLOORS[group, step]
    assert reached.true > 400
    assert (reached.precision or 0.0) >= precision
    assert (reached.recall or 0.0) >= recall
