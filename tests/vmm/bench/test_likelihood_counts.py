# SPDX-License-Identifier: GPL-2.0-or-later
"""The counts behind the likelihood of code come in the form of the table that is used."""

import pytest

from patcher.assembler import assemble
from patcher.binary.model import Binary, Privilege, Section
from patcher.follow import likelihood
from vmm.bench.audit.likelihood_counts import count, letter, main, prefixes, rest, table


def _binary(code: bytes, data: bytes) -> Binary:
    text = Section(".text", 0x1000, memoryview(code), len(code), True, False, 32, 0)
    constants = Section(".rodata", 0x8000, memoryview(data), len(data), False, False, 32, 0)
    return Binary("", "raw", 32, Privilege.USER, (text, constants), ())


@pytest.mark.parametrize(("bits", "used"), [(32, likelihood._ODDS_32), (64, likelihood._ODDS_64)])
def test_the_table_in_use_has_the_form_of_a_new_one(bits: int, used: str) -> None:
    code, data = count([], bits)
    new = list(table(code, data))
    lines = used.strip().split("\n")
    assert [line.split()[0] for line in lines] == [line.split()[0] for line in new]
    assert {len(line) for line in lines} == {len(line) for line in new}
    assert set("".join(line.split()[1] for line in lines)) <= {chr(ord("M") + n) for n in range(-12, 13)}
    assert len(likelihood._REST[bits]) == len(rest(code, data))
    assert len(likelihood._PREFIX_ODDS[bits]) == len(prefixes(code, data))


def test_what_code_has_and_data_have_not_is_likely() -> None:
    code = assemble("pushl %ebp\nmovl %esp, %ebp\nlock incl (%eax)\n" * 50, 0x1000, 32)
    counted = count([_binary(code, b"AAAA" * 50)], 32)
    rows = dict(line.split() for line in table(*counted))
    assert rows["_5"][5] > "M" > rows["_4"][1]
    assert rows["_9"][9] == "J"
    assert prefixes(*counted)[8] > "M"
    assert (counted[0].total, counted[1].total) == (150, 200)


def test_16_bit_code_lies_in_32_bit_objects() -> None:
    code = assemble("movl %eax, %ebx\nmovw %ax, %bx\n" * 50, 0x1000, 16)
    counted = count([_binary(code, b"AAAA" * 50)], 16)
    assert (counted[0].total, counted[1].total) == (100, 200)
    assert prefixes(*counted)[6] > "M"


def test_a_letter_is_a_logarithm_in_half_bits() -> None:
    assert letter(100, 100, 1000, 1000) == "M"
    assert letter(4000, 1000, 10**6, 10**6) == "Q"
    assert letter(10**6, 0, 10**6, 10**6) == "Y"


def test_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["8", "x"]) == 2
    assert "usage" in capsys.readouterr().err
