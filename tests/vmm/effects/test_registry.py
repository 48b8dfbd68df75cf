# SPDX-License-Identifier: GPL-2.0-or-later
"""Every row of the catalogue has its effect, no effect is without a row, and no name is given twice."""

import pytest

from patcher.catalogue import CATALOGUE
from patcher.x86.insn import Insn
from vmm.effects import EFFECTS, effect
from vmm.processor import Processor


@pytest.mark.parametrize("row", CATALOGUE, ids=str)
def test_a_row_has_an_effect(row: object) -> None:
    assert row.effect in EFFECTS  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", sorted(EFFECTS))
def test_an_effect_has_a_row(name: str) -> None:
    assert any(row.effect == name for row in CATALOGUE)


def test_a_name_is_given_once() -> None:
    def another(v: Processor, insn: Insn) -> None: ...

    with pytest.raises(ValueError, match=r"^The effect 'cli' has two functions: "):
        effect("cli")(another)
