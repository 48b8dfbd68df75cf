# SPDX-License-Identifier: GPL-2.0-or-later
"""Following direct flow: what is reached, what is not, and what never returns."""

from itertools import pairwise

import pytest
from followed import BASE, follow_bytes, followed, program
from stopwatch import ending_after

from patcher.auditing.model import Tier
from patcher.binary.model import Function, Origin
from patcher.follow import Budget, ProblemKind


def test_both_sides_of_a_branch_and_what_is_behind_a_call() -> None:
    found = followed("""
start: testl %eax, %eax
    jz other
side: call function
behind: ret
other: pushfl
    ret
function: ret
junk: .byte 0x0f, 0xff
""")
    assert found.reached() == {"start", "side", "behind", "other", "function"}
    assert found.sites() == {found.labels["other"]}


def test_a_site_knows_the_entry_that_leads_to_it() -> None:
    found = followed("start: call function\nret\nfunction: cpuid\nret")
    assert [site.origin for site in found.flow.sites] == [Origin.ENTRY]
    assert found.flow.sites[0].length == 2


def test_nothing_behind_a_call_whose_callee_never_returns() -> None:
    found = followed("""
start: call die
text: .byte 0x70, 0x61, 0x6e, 0x69, 0x63, 0x21, 0x00
die: call die_loudly
junk: .byte 0x9c, 0x9d
die_loudly: hlt
    jmp die_loudly
""")
    assert found.reached() == {"start", "die", "die_loudly"}


def test_a_function_that_is_known_by_name_never_returns() -> None:
    text = "start: call abort\njunk: .byte 0x9c, 0xc3\nabort: ret"
    code, labels = program(text)
    assert "junk" in follow_bytes(code, labels).reached()
    assert "junk" not in follow_bytes(code, labels, never=(labels["abort"],)).reached()


@pytest.mark.parametrize("function", [None, "fails"])
def test_a_call_that_is_the_last_in_its_function_does_not_come_back(function: str | None) -> None:
    """Nothing names the callee, which seems to return: its section ends behind the call, or the function does."""
    text = "start: call fails\nret\nother: ret\nfails: call other\n"
    if function is None:
        found = followed(text)
    else:
        code, labels = program(text + "behind: nop\n.byte 0x0f, 0x0a")
        extent = Function(labels[function], labels["behind"], function)
        found = follow_bytes(code, labels, functions=(extent,))
        assert "behind" not in found.reached()
    assert found.reached() == {"start", "fails", "other"}
    assert found.problems() == set()


def test_a_function_may_fall_into_the_next_one_behind_a_call() -> None:
    """As hand-written code does: both have their own extents."""
    code, labels = program("start: call one\nbehind: ret\none: call other\ntwo: ret\nother: ret\nend:")
    names = ("one", "two", "other", "end")
    extents = tuple(Function(labels[a], labels[b], a) for a, b in pairwise(names))
    assert "behind" in follow_bytes(code, labels, functions=extents).reached()


def test_an_import_that_never_returns_is_known_by_its_slot() -> None:
    code, labels = program("start: calll *0x500000\njunk: .byte 0x9c, 0xc3")
    assert "junk" in follow_bytes(code, labels).reached()
    assert "junk" not in follow_bytes(code, labels, never=(0x500000,)).reached()


def test_recursion_that_returns() -> None:
    found = followed("""
start: call one
behind: ret
one: decl %eax
    jz done
    call two
    ret
two: call one
after: ret
done: ret
""")
    assert {"behind", "after", "done"} <= found.reached()


def test_a_tail_call_returns_when_its_target_does() -> None:
    found = followed("start: call one\nbehind: ret\none: jmp two\njunk: .byte 0x9c\ntwo: ret")
    assert found.reached() == {"start", "behind", "one", "two"}


def test_a_callee_to_which_a_jump_came_first_returns() -> None:
    found = followed("start: jmp f\nf: testl %eax, %eax\njz other\nret\nother: call f\nbehind: ret")
    assert "behind" in found.reached()


def test_an_exit_call_ends_the_path() -> None:
    found = followed("""
start: movl $1, %eax
    int $0x80
text: .ascii "usage: none of them, it is just for testing"
    .byte 0
""")
    assert found.reached() == {"start"}
    assert found.problems() == set()


def test_a_call_behind_a_linux_exit_number_that_is_none() -> None:
    assert "behind" in followed("start: movl $4, %eax\nint $0x80\nbehind: ret").reached()


def test_sixteen_bit_exits() -> None:
    found = followed(
        'start: movb $0x4c, %ah\nint $0x21\ntext: .ascii "No room on this disk."', 16, base=0x100
    )
    assert "text" not in found.reached()


def test_a_path_into_no_code_is_taken_back_to_the_last_branch() -> None:
    found = followed("start: testl %eax, %eax\njz good\nbad: incl %ecx\n.byte 0x0f, 0x0a\ngood: ret")
    assert found.reached() == {"start", "good"}
    assert found.problems() == set()


def test_a_path_that_must_run_is_kept_although_it_ends_badly() -> None:
    found = followed("start: cpuid\n.byte 0x0f, 0x0a")
    assert found.sites() == {found.labels["start"]}
    assert found.problems() == {ProblemKind.BAD_PATH}


def test_a_branch_out_of_the_file_is_no_branch() -> None:
    found = followed("start: testl %eax, %eax\njz good\nbad: cpuid\njmp 0x12345678\ngood: ret")
    assert found.sites() == set()


def test_skipping_a_lock_prefix_is_no_overlap() -> None:
    code, labels = b"\x74\x01\xf0\x0f\xb1\x0a\xc3", {"start": 0x401000, "whole": 0x401002, "bare": 0x401003}
    found = follow_bytes(code, labels)
    assert found.reached() == {"start", "whole", "bare"}
    assert found.problems() == set()


def test_the_budget_is_a_problem_and_not_the_end_of_what_was_found() -> None:
    text = "start: cpuid\n" + "jmp 1f\n1: incl %eax\n" * 300 + "ret"
    code, labels = program(text.replace("1f", "forward").replace("1: ", "")[: text.index("jmp")] + "ret")
    found = follow_bytes(code, labels, budget=Budget(instructions=-1))
    assert found.problems() == {ProblemKind.BUDGET}


def test_every_encoding_is_told_only_when_asked() -> None:
    code, labels = b"\xb8\x9c\xfa\x0f\x31\xc3" + b"\x70\x9c\x0f\x0a", {"start": 0x401000}
    assert follow_bytes(code, labels).flow.sites == ()
    found = follow_bytes(code, labels, budget=Budget(everything=True))
    assert {0x401001, 0x401002, 0x401003} <= found.sites(Tier.OVERLAPPING)
    assert 0x401007 in found.sites(Tier.POSSIBLE)


def test_coverage_adds_up() -> None:
    found = followed("start: jmp far\n.byte 0x90, 0x90, 0x90\nfar: ret\ngap: .byte 0x0f, 0x0a, 0x0f, 0x0a")
    coverage = found.flow.coverage
    assert (coverage.followed, coverage.padding, coverage.swept) == (3, 3, 4)
    assert coverage.code == 10


def test_a_round_that_the_limit_cuts_leaves_what_the_one_before_it_found() -> None:
    """The junk behind the opaque jump shares bytes with code, so that everything is followed twice."""
    body = "".join(f"step_{n}: cmpl %eax, %ebx\njz step_{n + 1}\nincl %eax\n" for n in range(6))
    text = f"start: jz over\n.byte 0x06, 0x17, 0xa0\nover: cpuid\n{body}step_6: ret"
    counts = []
    for looks in range(12):
        flow = followed(text, budget=Budget(deadline=ending_after(looks))).flow
        counts.append(sum(1 for length in flow.lengths[0, 32] if length) if flow.lengths else 0)
    assert counts[0] == 0
    assert counts[-1] == 21 < counts[2]
    assert min(counts[1:]) >= 21
def test_instructions_of_amd_alone_keep_the_step() -> None:
    code = bytes.fromhex("8fe878c2e410 8fe878c2ed10 0fa2 c3")
    found = follow_bytes(code, {"start": BASE, "cpuid": BASE + 12}, 64)
    assert found.sites() == {BASE + 12}
