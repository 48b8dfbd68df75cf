# SPDX-License-Identifier: GPL-2.0-or-later
"""One file a family of workloads, each with a tuple `WORKLOADS`; dropping a file in adds its family."""

import pkgutil
from functools import cache
from importlib import import_module

from vmm.bench.workload import Workload

_ORDER = ("plain_code", "flags", "tables", "ports", "events", "paging", "self_modifying", "waiting", "identification")


@cache
def every() -> dict[str, Workload]:
    """All workloads by name, families in the order that the table shows; a name that is taken twice raises."""
    found: dict[str, Workload] = {}
    for family in sorted((m.name for m in pkgutil.iter_modules(__path__)), key=_place):
        workloads: tuple[Workload, ...] = import_module(f"{__name__}.{family}").WORKLOADS
        for workload in workloads:
            if workload.name in found:
                raise ValueError(f"Two workloads are called {workload.name!r}.")
            found[workload.name] = workload
    return found


def _place(family: str) -> tuple[int, str]:
    return (_ORDER.index(family) if family in _ORDER else len(_ORDER), family)
