# SPDX-License-Identifier: GPL-2.0-or-later
"""What bytes say by themselves: worked out once, and told anew only where the address counts."""

from patcher.auditing.encodings import Encoding, Encodings
from patcher.auditing.relevance import World
from patcher.catalogue import CATALOGUE
from patcher.x86.decode import decode


def test_one_encoding_is_worked_out_once() -> None:
    encodings = Encodings()
    found = encodings.of(b"\x9c", 32)
    assert found is encodings.of(b"\x9c", 32)
    assert found is not encodings.of(b"\x9c", 16)
    assert found is not None
    assert found.text(0) == found.text(0x1000) == "pushfd"
    assert found.judged(World.KERNEL) is found.judged(World.KERNEL)
    assert found.judged(World.KERNEL).matters
    assert not found.judged(World.USER).matters


def test_what_an_audit_does_not_report_has_none() -> None:
    encodings = Encodings()
    assert encodings.of(b"\x90", 32) is None
    assert encodings.of(b"\x0f", 32) is None


def test_a_relative_branch_is_written_for_its_address() -> None:
    insn = decode(b"\xeb\x02", 0, 32)
    assert insn is not None
    branch = Encoding(insn, CATALOGUE[0])
    assert (branch.text(0), branch.text(0x1000)) == ("jmp 4", "jmp 0x1004")
