# SPDX-License-Identifier: GPL-2.0-or-later
"""The table and the JSON of made-up results, and the command on the cheapest workload."""

import io
import json

import pytest

from vmm.bench.plan import UnknownName, plan
from vmm.bench.report import FIGURE_HEADINGS, HEADINGS, Report, as_json, duration, plain, write
from vmm.bench.session import Result
from vmm.bench.single_figures import Figure
from vmm.bench.stopwatch import Sample
from vmm.bench.workload import NEAR_NATIVE, STUBBED, Platform, Workload
from vmm.bench.workloads import every
from vmm.cli.main import main


def taking(nanoseconds: float) -> tuple[Sample, ...]:
    return (Sample(1, nanoseconds / 1e9, 0.0),)


REPORT = Report(
    [
        Result(
            Workload("near", "one thing", "", goals=(NEAR_NATIVE, STUBBED)),
            {Platform.NATIVE: taking(100), Platform.FAST: taking(150), Platform.TRAP: taking(20_000)},
        ),
        Result(
            Workload("broken", "another", ""),
            {Platform.NATIVE: taking(1.5)},
            {Platform.FAST: "The guest [bold]died."},
        ),
    ],
    [Figure("exit", "an exit", 2500.0, 3000.0), Figure("start", "the start", 0.4e9, 0.3e9)],
)


@pytest.mark.parametrize(
    ("nanoseconds", "shown"),
    [
        (None, ""), (0.123, "0.123 ns"), (12.34, "12.3 ns"), (123.4, "123 ns"), (1234, "1.23 us"),
        (12_340_000, "12.3 ms"), (2e9, "2.00 s"),
    ],
)  # fmt: skip
def test_a_time_has_three_digits(nanoseconds: float | None, shown: str) -> None:
    assert duration(nanoseconds) == shown


def test_the_plain_table() -> None:
    lines = [" ".join(line.split()) for line in plain(REPORT).splitlines()]
    assert lines == [
        " ".join(" ".join(HEADINGS).split()),
        "near 100 ns 150 ns 20.0 us 1.50 200 fast/native 1.50 of 1.05, fast/native 1.50 of 4.00 MISS",
        "broken 1.50 ns failed",
        "",
        " ".join(" ".join(FIGURE_HEADINGS).split()),
        "exit 2.50 us 3.00 us pass an exit",
        "start 400 ms 300 ms MISS the start",
        "",
        "broken, fast: The guest [bold]died.",
    ]
    assert plain(Report([], [])) == ""


def test_the_drawn_table_says_the_same(monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    stream = io.StringIO()
    write(REPORT, stream, colour=True)
    for word in ("near", "broken", "failed", "MISS", "exit", "[bold]died"):
        assert word in stream.getvalue()


def test_the_json_form() -> None:
    document = json.loads(as_json(REPORT))
    near, broken = document["workloads"]
    assert near["ns"] == {
        "native": pytest.approx(100),
        "fast": pytest.approx(150),
        "trap": pytest.approx(20_000),
    }
    assert near["ratios_to_native"] == {"fast": pytest.approx(1.5), "trap": pytest.approx(200)}
    assert [target["met"] for target in near["targets"]] == [False, True]
    assert broken["failures"] == {"fast": "The guest [bold]died."}
    assert [figure["met"] for figure in document["figures"]] == [True, False]


def test_a_plan_is_everything_or_what_was_named() -> None:
    assert plan(()).workloads == tuple(every().values())
    assert plan(()).start
    chosen = plan(("code-page", "compute"))
    assert [workload.name for workload in chosen.workloads] == ["compute", "scanned-pages"]
    assert not chosen.start
    assert plan(("start",)).workloads == ()
    with pytest.raises(
        UnknownName, match=r"^There is no workload or figure 'nope': see patchvisor bench --list\.$"
    ):
        plan(("nope",))


def test_the_command(capsys) -> None:
    assert main(["bench", "--only", "compute", "--count", "3", "--rounds", "1"]) == 0
    said = capsys.readouterr()
    assert said.out.splitlines()[0].startswith("workload")
    assert said.out.splitlines()[1].startswith("compute")
    assert said.err == "compute\n"


def test_the_command_as_json(capsys) -> None:
    assert main(["bench", "--only", "code-page", "--count", "3", "--rounds", "1", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [workload["name"] for workload in document["workloads"]] == ["scanned-pages"]
    assert [figure["name"] for figure in document["figures"]] == ["code-page"]


def test_the_list(capsys) -> None:
    assert main(["bench", "--list"]) == 0
    shown = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert shown == [*every(), "code-page", "start"]


def test_an_unknown_name_is_a_usage_error(capsys) -> None:
    assert main(["bench", "--only", "nope"]) == 2
    assert "There is no workload or figure 'nope'" in capsys.readouterr().err
