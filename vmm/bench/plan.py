# SPDX-License-Identifier: GPL-2.0-or-later
"""Which workloads and figures are asked for, and the report that comes of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vmm.bench.report import Report
from vmm.bench.session import Choices, run_all
from vmm.bench.single_figures import NEEDS, SAYS, START, figures, start_of_hello
from vmm.bench.workload import Workload
from vmm.bench.workloads import every
from vmm.errors import VmmError


class UnknownName(VmmError):
    """Neither a workload nor a figure."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure."""

    workloads: tuple[Workload, ...]
    start: bool  #: also how long the command itself takes to start a guest


def plan(names: Sequence[str]) -> Plan:
    """Everything when `names` is empty; a figure's name stands for the workloads it is made from.

    Raises UnknownName for a name that is neither.
    """
    known = every()
    if not names:
        return Plan(tuple(known.values()), True)
    wanted: set[str] = set()
    for name in names:
        if name not in known and name not in NEEDS:
            raise UnknownName(f"There is no workload or figure {name!r}: see patchvisor bench --list.")
        wanted.update((name,) if name in known else NEEDS[name])
    return Plan(tuple(workload for name, workload in known.items() if name in wanted), START in names)


def listing() -> str:
    """A line a workload and a figure: its name and what it is."""
    said = {name: workload.says for name, workload in every().items()} | SAYS
    width = max(map(len, said))
    return "".join(f"{name:<{width}}  {says}\n" for name, says in said.items())


def carry_out(what: Plan, choices: Choices, tell: Callable[[str], None]) -> Report:
    """Measure all that is planned."""
    results = run_all(what.workloads, choices, tell)
    found = figures({result.workload.name: result for result in results})
    if what.start:
        tell(f"{START}: {SAYS[START]}")
        found.append(start_of_hello(choices.rounds))
    return Report(results, found)
