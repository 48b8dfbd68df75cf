# SPDX-License-Identifier: GPL-2.0-or-later
"""What the audit is meant to reach on each class: precision and recall of sensitive instructions."""

from dataclasses import dataclass
from typing import Final

from vmm.bench.audit.score import Score
from vmm.bench.audit.subjects import ALL_TIERS, CONFIRMED, FOLLOW


@dataclass(frozen=True, slots=True)
class Goal:
    """Least shares; a precision of None is not asked for."""

    precision: float | None
    recall: float

    def met_by(self, reached: Score) -> bool:
        """A share of nothing counts as met."""
        precise = self.precision is None or reached.precision is None or reached.precision >= self.precision
        return precise and (reached.recall is None or reached.recall >= self.recall)

    def __str__(self) -> str:
        return f"{'–' if self.precision is None else self.precision}/{self.recall}"


_OURS: Final = {
    ("a", CONFIRMED): Goal(0.998, 0.995),
    ("b", CONFIRMED): Goal(0.95, 0.97),
    ("c", CONFIRMED): Goal(0.90, 0.95),
    ("d", CONFIRMED): Goal(0.90, 0.90),
    **{(group, ALL_TIERS): Goal(None, 0.999) for group in "abcd"},
}


def goals(subject: str) -> dict[tuple[str, str], Goal]:
    """A subject's goals by class and tier; only the audit has any."""
    return _OURS if subject == FOLLOW.name else {}
