# SPDX-License-Identifier: GPL-2.0-or-later
"""Register numbers are the machine's, and bits have their names."""

from patcher.decoder import disassemble
from patcher.x86.registers import (
    CR0_BITS,
    CR4_BITS,
    EDI,
    ESP,
    GENERAL_8,
    GENERAL_16,
    GENERAL_32,
    SEGMENTS,
    set_bits,
)


def test_names_are_those_that_a_disassembler_gives_the_numbers() -> None:
    for number in range(8):
        register = 0xC0 | number << 3 | number
        assert (
            disassemble(bytes((0x89, register)), 0, 32) == f"mov {GENERAL_32[number]}, {GENERAL_32[number]}"
        )
        assert (
            disassemble(bytes((0x89, register)), 0, 16) == f"mov {GENERAL_16[number]}, {GENERAL_16[number]}"
        )
        assert disassemble(bytes((0x88, register)), 0, 32) == f"mov {GENERAL_8[number]}, {GENERAL_8[number]}"
    for number, name in enumerate(SEGMENTS):
        assert disassemble(bytes((0x8C, 0xC0 | number << 3)), 0, 32) == f"mov eax, {name}"
    assert (GENERAL_32[ESP], GENERAL_32[EDI]) == ("esp", "edi")


def test_set_bits_by_name() -> None:
    assert set_bits(0x80010011, CR0_BITS) == ["PE", "ET", "WP", "PG"]
    assert set_bits(0x6B0, CR4_BITS) == ["PSE", "PAE", "PGE", "OSFXSR", "OSXMMEXCPT"]
