# SPDX-License-Identifier: GPL-2.0-or-later
"""Which rows of the catalogue an audit reports, and the rule by which people name them."""

import re
from functools import cache
from typing import Final

from patcher.catalogue import CATALOGUE, Origin, SensitiveInsn

_NOT_AUDITED: Final = frozenset({"invalid", "undocumented"})


def audited(row: SensitiveInsn) -> bool:
    """Is the row about privileged state? False for rows that only close gaps between engine and processor."""
    return row.origin is Origin.ARCHITECTURE and row.family not in _NOT_AUDITED and row.effect != "ud"


def rule_of(row: SensitiveInsn) -> str:
    """The rule that a row belongs to: its name as one word, "pop-ss" for "pop ss"."""
    return re.sub(r"[^a-z0-9]+", "-", row.name.lower()).strip("-")


@cache
def rules() -> dict[str, tuple[SensitiveInsn, ...]]:
    """Every rule with its rows, in the catalogue's order."""
    found: dict[str, tuple[SensitiveInsn, ...]] = {}
    for row in filter(audited, CATALOGUE):
        found[rule_of(row)] = (*found.get(rule_of(row), ()), row)
    return found
