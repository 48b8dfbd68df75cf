# SPDX-License-Identifier: GPL-2.0-or-later
"""How much an instruction speaks for code, told from its bytes."""

import pytest

from patcher.binary.model import Section
from patcher.follow.lane import Lane, Seen
from patcher.follow.likelihood import BAD, evidence


def lane(text: str, bits: int) -> Lane:
    code = bytes.fromhex(text).ljust(32, b"\x90")
    section = Section("", 0, memoryview(code), len(code), True, False, bits, 0)
    return Lane(section, 0, bits, code, Seen(len(code)))


@pytest.mark.parametrize("text", ["90", "6690", "f390"])
def test_a_nop_is_no_evidence(text: str) -> None:
    assert evidence(lane(text, 32), 0) == (0.0, len(text) // 2, False)


def test_what_is_no_instruction_is_bad() -> None:
    assert evidence(lane("0f0a", 32), 0) == (BAD, 1, True)


@pytest.mark.parametrize("bits", [16, 32, 64])
def test_a_return_ends_a_run(bits: int) -> None:
    found, length, stops = evidence(lane("c3", bits), 0)
    assert (length, stops) == (1, True)
    assert found > 0


def test_a_wider_operand_speaks_for_16_bit_code() -> None:
    narrow, wide = evidence(lane("89d8", 16), 0)[0], evidence(lane("6689d8", 16), 0)[0]
    assert wide - narrow == evidence(lane("6789d8", 16), 0)[0] - narrow + 1.0 == 4.0


def test_prefixes_rex_and_escapes_lead_to_the_opcode() -> None:
    assert evidence(lane("4889d8", 64), 0)[0] == evidence(lane("89d8", 64), 0)[0]
    assert evidence(lane("480fb6c0", 64), 0)[0] == evidence(lane("0fb6c0", 64), 0)[0]


def test_a_sensitive_instruction_is_only_somewhat_unlikely() -> None:
    assert evidence(lane("f4", 32), 0) == (-0.5, 1, False)
    assert evidence(lane("6c", 32), 0) == (-0.5, 1, False)
