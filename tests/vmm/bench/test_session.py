# SPDX-License-Identifier: GPL-2.0-or-later
"""Turns, medians, ratios and goals, on made-up samples."""

import pytest

from vmm.bench import session
from vmm.bench.session import Choices, Result, fitting_count, run_one
from vmm.bench.single_figures import figures
from vmm.bench.stopwatch import Sample, Stopwatch
from vmm.bench.workload import MACHINES, Goal, Platform, Workload
from vmm.errors import VmmError

NATIVE, FAST, TRAP = Platform.NATIVE, Platform.FAST, Platform.TRAP
WORKLOAD = Workload("w", "something", "    nop", goals=(Goal(FAST, NATIVE, 2.0),))


def samples(*nanoseconds: float) -> tuple[Sample, ...]:
    return tuple(Sample(1, ns / 1e9, 0.0) for ns in nanoseconds)


def result(name: str, **figures: float) -> Result:
    workload = Workload(name, "", "")
    return Result(workload, {Platform(platform): samples(ns) for platform, ns in figures.items()})


def test_an_iteration_is_what_is_more_than_an_empty_loop() -> None:
    assert Sample(10, 3e-6, 1e-6).nanoseconds == pytest.approx(200)
    assert Sample(10, 1e-6, 2e-6).nanoseconds == 0


def test_platforms_take_turns(monkeypatch) -> None:
    order: list[tuple[str, int]] = []

    def measured(_workload: Workload, platform: Platform, count: int) -> Sample:
        order.append((platform.value, count))
        return Sample(count, 1e-6, 0.0)

    monkeypatch.setattr(session, "measure", measured)
    run_one(WORKLOAD, Choices(rounds=2, count=7))
    assert order == [(platform.value, 7) for platform in MACHINES] * 2


def test_ratios_are_taken_within_a_round() -> None:
    """Two slow rounds do not show, since they were slow for both."""
    measured = Result(WORKLOAD, {NATIVE: samples(10, 100, 1000), FAST: samples(30, 300, 3000)})
    assert measured.ratio(FAST, NATIVE) == pytest.approx(3)
    assert measured.nanoseconds(NATIVE) == pytest.approx(100)
    assert [(j.ratio, j.met) for j in measured.judgements()] == [(pytest.approx(3), False)]


def test_what_was_not_measured_is_not_judged() -> None:
    measured = Result(WORKLOAD, {NATIVE: samples(0.0), FAST: samples(1)})
    assert measured.ratio(FAST, NATIVE) is None
    assert measured.ratio(TRAP, NATIVE) is None
    assert measured.nanoseconds(TRAP) is None
    assert measured.judgements() == ()


def test_a_platform_that_fails_leaves_the_others_alone(monkeypatch) -> None:
    ran: list[Platform] = []

    def measured(_workload: Workload, platform: Platform, count: int) -> Sample:
        ran.append(platform)
        if platform is FAST and ran.count(FAST) == 2:
            raise VmmError("It fell over.")
        return Sample(count, 1e-6, 0.0)

    monkeypatch.setattr(session, "measure", measured)
    found = run_one(WORKLOAD, Choices(rounds=3, count=1))
    assert ran.count(FAST) == 2
    assert ran.count(NATIVE) == ran.count(TRAP) == 3
    assert found.failures == {FAST: "It fell over."}
    assert set(found.samples) == {NATIVE, TRAP}


def test_the_count_fits_the_time(monkeypatch) -> None:
    monkeypatch.setattr(session, "measure", lambda _w, _p, count: Sample(count, count * 1e-6, 0.0))
    assert fitting_count(WORKLOAD, NATIVE) == pytest.approx(50_000, abs=1)
    monkeypatch.setattr(session, "measure", lambda _w, _p, count: Sample(count, 1.0 * count, 0.0))
    assert fitting_count(WORKLOAD, NATIVE) == 3 or fitting_count(WORKLOAD, NATIVE) == 1
    monkeypatch.setattr(session, "measure", lambda _w, _p, count: Sample(count, count * 1e-9, 0.0))
    assert fitting_count(Workload("w", "", "", most=100), NATIVE) == 100


def test_a_figure_needs_all_of_its_platforms() -> None:
    assert figures({"scanned-pages": result("scanned-pages", fast=3e6)}) == []
    (page,) = figures({"scanned-pages": result("scanned-pages", fast=3e6, native=1e6)})
    assert (page.nanoseconds, page.met) == (pytest.approx(2e6), False)


def test_the_stopwatch_wants_all_four_marks() -> None:
    watch = Stopwatch()
    watch.write(b"[]<")
    with pytest.raises(VmmError, match=r"^The guest ended before it reached its mark >: so it went\.$"):
        watch.sample(1, "so it went.")
    watch.write(b">")
    assert watch.sample(5, "").count == 5
