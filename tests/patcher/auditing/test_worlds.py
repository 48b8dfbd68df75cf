# SPDX-License-Identifier: GPL-2.0-or-later
"""In which world 16-bit code runs: real mode, or a 16-bit segment of protected mode."""

from audit_code import program

from patcher.auditing.auditor import audit_binary
from patcher.auditing.model import Kind
from patcher.auditing.options import AuditOptions

_TO_16_BIT = "66 ea 06 00 18 00"  # ljmpw $0x18, $6
_TO_REAL_MODE = "66 31 c0 0f 22 c0 ea 13 00 00 10 90 90"  # xor %eax, %eax; mov %eax, %cr0; ljmp $0x1000, $0x13
_UNKNOWN = "0f 01 e0 01 c3 ff e3"  # smsw %ax; add %ax, %bx; jmp *%bx
_FLAGS = "9c 9d f4 eb fd"  # pushf; popf; hlt; jmp


def holes(code: str) -> list[int]:
    found = audit_binary(program(bytes.fromhex(code), ring=0), AuditOptions())
    return [finding.address for finding in found.findings if finding.kind is Kind.HOLE and finding.matters]


def test_a_16_bit_segment_that_32_bit_code_goes_to_is_one_of_protected_mode() -> None:
    assert holes(_TO_16_BIT + _FLAGS) == [0x10000, 0x10006, 0x10007]


def test_behind_a_write_of_cr0_it_is_left_for_real_mode() -> None:
    assert holes(_TO_16_BIT + _TO_REAL_MODE + _FLAGS) == [0x10000, 0x1000C]


def test_what_is_not_accounted_for_may_run_there_too() -> None:
    code = bytes.fromhex(_TO_16_BIT + _UNKNOWN + "0f ff 9c 58 ff ff")
    reasons = audit_binary(program(code, ring=0), AuditOptions()).verdict.reasons
    assert any("a hole could be decoded" in reason for reason in reasons)
