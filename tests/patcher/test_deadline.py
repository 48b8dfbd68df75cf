# SPDX-License-Identifier: GPL-2.0-or-later
"""The two marks of a deadline, by a clock that a test sets."""

from patcher.deadline import MORE, NEVER, SPARE, Deadline


def test_what_is_found_may_still_be_described_for_a_while() -> None:
    now = [100.0]
    deadline = Deadline(10, lambda: now[0])
    seen = []
    for now[0] in (109.0, 110.5, 100 + 10 * MORE + SPARE - 0.1, 100 + 10 * MORE + SPARE + 0.1):
        seen.append((deadline.passed(), deadline.overdue()))
    assert seen == [(False, False), (True, False), (True, False), (True, True)]


def test_without_a_limit_it_never_comes() -> None:
    assert not NEVER.passed()
    assert not Deadline(float("inf")).overdue()
