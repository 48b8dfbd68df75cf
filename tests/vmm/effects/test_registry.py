# SPDX-License-Identifier: GPL-2.0-or-later
"""Every row of the catalogue has its effect, no effect is without a row, and no name is given twice."""

import pytest
from fake_vcpu import perform, world

from patcher.catalogue import CATALOGUE, SensitiveInsn
from patcher.catalogue.invalid import DISPUTED, HIDING, LOCKED, TOO_LONG, UNDECODABLE, VEX
from patcher.x86.exceptions import GP, GuestFault
from patcher.x86.insn import Insn
from vmm.effects import EFFECTS, effect
from vmm.errors import Unsupported
from vmm.processor import Processor

ROWS = (*CATALOGUE, DISPUTED, HIDING, LOCKED, TOO_LONG, UNDECODABLE, VEX)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_row_has_an_effect(row: SensitiveInsn) -> None:
    assert row.effect in EFFECTS


@pytest.mark.parametrize("name", sorted(EFFECTS))
def test_an_effect_has_a_row(name: str) -> None:
    assert any(row.effect == name for row in ROWS)


def test_a_disputed_instruction_is_a_verdict() -> None:
    with pytest.raises(Unsupported, match="the instruction 0f 0b, which the engine decodes differently"):
        perform(world(), "disputed", "0f 0b")


def test_hidden_bytes_are_a_verdict() -> None:
    with pytest.raises(Unsupported, match="the instruction b8 f0 0f a3 c0, whose bytes would end the engine"):
        perform(world(), "hiding", "b8 f0 0f a3 c0")


def test_too_many_prefixes_are_a_general_protection_fault() -> None:
    with pytest.raises(GuestFault) as raised:
        perform(world(), "too long", "66 90")
    assert (raised.value.vector, raised.value.error_code) == (GP, 0)


def test_a_name_is_given_once() -> None:
    def another(v: Processor, insn: Insn) -> None: ...

    with pytest.raises(ValueError, match=r"^The effect 'cli' has two functions: "):
        effect("cli")(another)
