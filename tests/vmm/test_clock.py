# SPDX-License-Identifier: GPL-2.0-or-later
"""Virtual clocks and timers: order, cancelling, bounded memory, and time that never goes back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmm.clock import CountedClock, HostClock, Timers


def test_a_counted_clock_moves_only_by_hand() -> None:
    clock = CountedClock()
    assert clock.now() == 0
    clock.advance(5)
    clock.skip(7)
    assert clock.now() == 12
    with pytest.raises(ValueError, match="never goes back"):
        clock.advance(-1)


def test_a_paused_host_clock_stands_still_and_can_be_moved() -> None:
    clock = HostClock()
    clock.pause()
    at = clock.now()
    clock.pause()
    assert clock.now() == at
    clock.skip(1_000)
    assert clock.now() == at + 1_000
    clock.resume()
    clock.resume()
    assert clock.now() >= at + 1_000


def test_a_host_clock_skips_ahead() -> None:
    clock = HostClock()
    before = clock.now()
    clock.skip(10**15)
    assert clock.now() >= before + 10**15
    with pytest.raises(ValueError, match="never goes back"):
        clock.skip(-1)


def test_due_calls_are_made_in_order_and_once() -> None:
    clock = CountedClock()
    timers = Timers(clock)
    calls: list[str] = []
    timers.schedule(20, lambda: calls.append("late"))
    timers.schedule(10, lambda: calls.append("first"))
    timers.schedule(10, lambda: calls.append("second"))
    timers.schedule(21, lambda: calls.append("not yet"))
    clock.advance(20)
    timers.run_due()
    timers.run_due()
    assert calls == ["first", "second", "late"]
    assert timers.next_deadline() == 21


def test_a_cancelled_call_is_not_made_even_by_a_call_of_the_same_time() -> None:
    clock = CountedClock()
    timers = Timers(clock)
    calls: list[str] = []
    victim = timers.schedule(5, lambda: calls.append("victim"))
    killer = timers.schedule(4, lambda: timers.cancel(victim))
    clock.advance(5)
    timers.run_due()
    timers.cancel(killer)
    timers.cancel(None)
    assert calls == []
    assert timers.next_deadline() is None


def test_a_call_that_schedules_itself_in_the_past_does_not_keep_the_loop() -> None:
    timers = Timers(CountedClock())
    calls: list[int] = []

    def again() -> None:
        calls.append(1)
        timers.schedule(0, again)

    timers.schedule(0, again)
    timers.run_due()
    assert len(calls) == 1
    timers.run_due()
    assert len(calls) == 2


def test_an_earlier_deadline_is_announced() -> None:
    timers = Timers(CountedClock())
    heard: list[int] = []
    timers.on_earlier = heard.append
    for at in (50, 70, 40, 40):
        timers.schedule(at, lambda: None)
    assert heard == [50, 40]


def test_reprogramming_for_ever_takes_no_memory() -> None:
    timers = Timers(CountedClock())
    kept = timers.schedule(1, lambda: None)
    for i in range(10_000):
        timers.cancel(timers.schedule(10**12 + i, lambda: None))
    assert len(timers._heap) < 100
    assert timers.next_deadline() == kept.at


@given(st.lists(st.tuples(st.integers(0, 50), st.booleans())), st.integers(0, 60))
def test_timers_agree_with_a_sorted_list(plan: list[tuple[int, bool]], until: int) -> None:
    clock = CountedClock()
    timers = Timers(clock)
    calls: list[tuple[int, int]] = []
    for order, (at, cancelled) in enumerate(plan):
        timer = timers.schedule(at, lambda at=at, order=order: calls.append((at, order)))
        if cancelled:
            timers.cancel(timer)
    clock.advance(until)
    timers.run_due()
    kept = sorted((at, order) for order, (at, cancelled) in enumerate(plan) if not cancelled)
    assert calls == [entry for entry in kept if entry[0] <= until]
    rest = [at for at, _ in kept if at > until]
    assert timers.next_deadline() == (rest[0] if rest else None)
