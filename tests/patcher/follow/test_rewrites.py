# SPDX-License-Identifier: GPL-2.0-or-later
"""Code that the program rewrites: what is there runs, and what comes there runs, and both go on behind it."""

import pytest
from followed import BASE, Followed, followed, program

from patcher.binary.model import Binary, Privilege, Rewritten, Section
from patcher.follow import ProblemKind
from patcher.follow.lane import BORDER
from patcher.follow.runs import undo
from patcher.follow.space import Space

TABLE = ".altinstructions"


def rewriting(text: str, *places: str, bits: int = 32) -> Followed:
    """Follow a text; a place is "start end" or "start end source behind" by labels, or "start end > lead lead"."""
    _, labels = program(text, bits)
    records = []
    for place in places:
        told, _, leads = place.partition(">")
        at = [labels[name] for name in told.split()]
        source, behind = at[2:] or (0, 0)
        records.append(
            Rewritten(at[0], at[1], TABLE, source, behind - source, tuple(labels[name] for name in leads.split()))
        )
    return followed(text, bits, rewritten=tuple(sorted(records)))


FIVE = ".byte 0x0f,0x1f,0x44,0,0"
BAD = ".byte 0x0f,0xff"


def test_replacements_lie_back_to_back_and_end_at_their_length() -> None:
    """The first one would run into the second, and the last one into what is no code; none does."""
    found = rewriting(
        f"""start: {FIVE}
        a: {FIVE}
        b: {FIVE}
        c: ret
        one: rdtsc
        two: jmp far
        three: cpuid
        end: {BAD}
        far: ret""",
        "start a one two",
        "a b two three",
        "b c three end",
    )
    assert found.reached() == {"start", "a", "b", "c", "one", "two", "three", "far"}
    assert found.problems() == set()


@pytest.mark.parametrize("last", ["rdtsc", "call out"])
def test_the_last_replacement_of_a_section_goes_on_behind_its_place(last: str) -> None:
    """Nothing but the way through the replacement leads behind the jump."""
    text = f"start: jmp out\nbehind: cpuid\nout: ret\nnew: {last}\nend:"
    found = rewriting(text, "start behind new end")
    assert {"behind", "new"} <= found.reached()
    assert found.problems() == set()


def test_a_jump_that_is_removed_is_followed_both_ways() -> None:
    text = "start: jmp out\nbehind: verw 4(%esp)\nout: ret"
    assert "behind" not in rewriting(text).reached()
    assert "behind" in rewriting(text, "start behind > behind").reached()


def test_a_no_op_that_becomes_a_jump_is_followed_both_ways() -> None:
    text = f"start: {FIVE}\nbehind: ret\ntarget: cpuid\nret"
    assert {"behind", "target"} <= rewriting(text, "start behind > behind target").reached()


@pytest.mark.parametrize("last", ["jz end", "jmp end", "call f"])
def test_a_step_to_the_end_of_a_replacement_comes_behind_its_place(last: str) -> None:
    """What lies there is another replacement, of a place that nothing leads to."""
    text = f"start: jmp out\nbehind: nop\nout: ret\nlone: {FIVE}\nnone: hlt\nf: ret\nnew: {last}\nend: cpuid\nmore:"
    found = rewriting(text, "start behind new end", "lone none end more")
    assert {"behind", "new"} <= found.reached()
    assert "behind" not in rewriting(text, "lone none end more").reached()
    assert found.problems() == set()


def test_a_replacement_that_jumps_away_does_not_come_behind_its_place() -> None:
    text = f"start: jmp out\nbehind: {BAD}\nout: ret\nnew: jmp out\nend:"
    found = rewriting(text, "start behind new end")
    assert "behind" not in found.reached()
    assert found.problems() == set()


def test_what_arrives_in_the_middle_finds_the_middle_of_the_replacement() -> None:
    """The place has three bytes, what comes there two, so behind these there is a no-op."""
    text = "start: jz third\njmp second\nplace: nop\nsecond: nop\nthird: nop\nout: ret\nnew: nop\nrest: cli\nend:"
    assert {"second", "third"} <= rewriting(text).reached()
    found = rewriting(text, "place out new end")
    assert "rest" in found.reached()
    assert found.problems() == set()


def test_a_way_into_the_middle_of_an_instruction_of_the_replacement_is_an_overlap() -> None:
    text = "start: jz second\nplace: nop\nsecond: nop\nnop\nout: ret\nnew: .byte 0x83,0xc0,0x90\nend:"
    assert ProblemKind.OVERLAP in rewriting(text, "place out new end").problems()


def test_a_function_returns_when_what_replaces_it_does() -> None:
    text = "start: call f\nbehind: ret\nf: jmp f\nend: nop\nnew: ret\nlast:"
    assert "behind" not in rewriting(text).reached()
    assert "behind" in rewriting(text, "f end new last").reached()


def test_a_thunk_that_becomes_an_indirect_jump_is_a_call() -> None:
    """Linux's retpoline, which the first caller jumps to from the middle of a function."""
    text = (
        "start: pushl %ebx\ncall other\njmp thunk\nother: call thunk\nret\nthunk: call set\ntrap: pause\njmp trap\n"
        "set: movl %eax, (%esp)\nret\nend: nop\nnew: lfence\njmpl *%eax\nlast:"
    )
    found = rewriting(text, "thunk end new last")
    assert "new" in found.reached()
    assert found.problems() == set()


def test_calls_that_fill_the_return_stack_return_nowhere() -> None:
    """Each steps over one breakpoint; the return addresses are dropped at the end, or not all of them."""
    text = "start: call one\ntrap: int3\none: call two\nother: int3\ntwo: addl ${}, %esp\nlfence\nret"
    assert not {"trap", "other"} & followed(text.format(8)).reached()
    assert followed(text.format(4)).reached() & {"trap", "other"} == {"trap"}


def test_what_a_callee_does_to_its_return_address_is_looked_for_in_its_replacement_only() -> None:
    """Behind the push lies the next replacement, with pops; the callee goes on behind the place and returns."""
    text = (
        "start: jmp out\nbehind: popl %eax\nout: ret\nlone: nop\nnone: hlt\n"
        "new: call one\nother: int3\none: pushl %eax\nend: popl %ecx\npopl %edx\nmore:"
    )
    assert "other" in rewriting(text, "start behind new end", "lone none end more").reached()


def test_return_addresses_are_dropped_at_the_end_of_a_section() -> None:
    text = "start: nop\nbehind: ret\nnew: call one\nother: int3\none: addl $4, %esp\nend:"
    assert rewriting(text, "start behind new end").reached() == {"start", "behind", "new", "one"}


def test_a_replacement_is_tried_where_nothing_leads_to_its_place() -> None:
    found = rewriting(f"start: ret\nplace: {BAD}\nbehind: {BAD}\nout: ret\nnew: jmp out\nend:", "place behind new end")
    assert {"new", "out"} <= found.reached()
    assert "place" not in found.reached()


def test_a_border_stays_when_what_began_there_is_taken_back() -> None:
    section = Section(".text", BASE, memoryview(b"\x90" * 8), 8, True, False, 32, None)
    place = Rewritten(BASE, BASE + 2, TABLE, BASE + 2, 2)
    lane = Space(Binary("", "", 32, Privilege.KERNEL, (section,), (), rewritten=(place,))).lane(BASE, 32)
    assert lane is not None
    assert lane.lengths[4] == BORDER
    lane.lengths[4] = 1
    undo(lane, 4, 5)
    assert list(lane.lengths) == [0, 0, 0, 0, BORDER, 0, 0, 0]


def test_hostile_tables_come_to_an_end() -> None:
    """Places that are copied over each other and over themselves, and thousands of records for one place."""
    text = "start: nop\nnop\na: nop\nnop\nb: nop\nnop\nc: jmp start"
    found = rewriting(text, "start a a b", "a b start a", "b c b c", "start c a c")
    assert "c" in found.reached()
    _, labels = program(text)
    start, end = labels["start"], labels["c"]
    many = tuple(Rewritten(start, end, TABLE, start + at % 5, 1 + at % 7) for at in range(5000))
    assert "c" in followed(text, rewritten=many).reached()
