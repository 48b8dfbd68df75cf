# SPDX-License-Identifier: GPL-2.0-or-later
"""Whenever the time for a file is over, the audit ends with what it has, and says that something is missing."""

import pytest
from audit_code import BASE, mapped, program
from stopwatch import Stopwatch, ending_after

from patcher.auditing.auditor import audit_binary
from patcher.auditing.findings import Findings
from patcher.auditing.model import BinaryReport, Status, Tier
from patcher.auditing.options import SURE, AuditOptions
from patcher.auditing.verdict import Judge
from patcher.binary.model import Binary
from patcher.deadline import Deadline

LIMIT = "The limit for one file was reached"
TEXT = """
    call far
    cmpl $2, %eax
    ja end
    jmp *table(,%eax,4)
table: .long one, two, three
one: cpuid
two: pushfl
three: popfl
end: ret
far: jmp *%ecx
    .byte 0x74, 0x01, 0x0f, 0x31, 0xc0
    .byte 0x90, 0x90, 0x90, 0x90, 0x90
gap: pushl %ebp
    movl %esp, %ebp
    rdtsc
    leave
    ret
named: pushl %ebp
    movl %esp, %ebp
    smsw %ax
    leave
    ret
"""


def audited(binary: Binary, deadline: Deadline, tiers: frozenset[Tier]) -> BinaryReport:
    return audit_binary(binary, AuditOptions(tiers=tiers, around=2), deadline)


def says_so(report: BinaryReport) -> bool:
    """Does a report tell that time ran out?"""
    return any(LIMIT in sentence for sentence in (*report.verdict.reasons, *report.notes))


@pytest.mark.parametrize("tiers", [SURE, frozenset(Tier)])
def test_an_audit_may_end_at_any_moment(tiers: frozenset[Tier]) -> None:
    binary = program(TEXT, pointers=(BASE + 0x43,))
    clock = Stopwatch(float("inf"))
    whole = audited(binary, Deadline(1, clock), tiers)
    looks = 0
    while True:
        cut = audited(binary, ending_after(looks), tiers)
        if not says_so(cut):
            break
        assert {f.address for f in cut.findings} <= {f.address for f in whole.findings}
        assert any(LIMIT in note for note in cut.notes) or cut.verdict.status is Status.NOT_PROVABLY
        looks += 1
    assert looks > 10
    assert [f.address for f in cut.findings] == [f.address for f in whole.findings]


def test_what_is_sure_is_described_first() -> None:
    options = AuditOptions(tiers=frozenset(Tier))
    code = mapped(program(TEXT), everything=True)
    sure = sum(site.tier in SURE for site in code.flow.sites)
    maker = Findings(code, options, ending_after(sure))
    assert {finding.tier for finding in maker.all()} <= SURE
    assert maker.left_out.total() == len(code.flow.sites) - sure > 0
    assert list(maker.notes()) == [
        f"{LIMIT}: {maker.left_out.total()} of the sites that were found are left out."
    ]


def test_a_site_that_was_not_judged_spoils_the_verdict() -> None:
    code = mapped(program("cpuid\nret"))
    assert Judge(code, 0, judged=False).verdict((), 0).reasons == (
        "The limit for one file was reached before all that was found was judged.",
    )


def test_bytes_that_were_not_searched_spoil_the_verdict() -> None:
    code = mapped(program("jmp *table(,%eax,8)\n.byte 0x0f, 0x0a, 0x0f, 0x31, 0x0f, 0x0a\ntable: .long 0"))
    assert "a hole could be decoded" in Judge(code, 0).verdict((), 0).reasons[-1]
    (reason,) = Judge(code, 0, ending_after(0)).verdict((), 0).reasons
    assert reason == (
        "1 jump goes where nothing tells, at 0x10000, and the limit for one file was reached before the bytes "
        "that no path reaches were searched."
    )


def test_a_large_file_has_more_time_unless_a_limit_is_given() -> None:
    assert AuditOptions().seconds_for(1_000_000) == 120
    assert AuditOptions().seconds_for(100_000_000) == 400
    assert AuditOptions(max_seconds=1).seconds_for(100_000_000) == 1
