# SPDX-License-Identifier: GPL-2.0-or-later
"""What a rendering of an audit declares, and the registry of all of them."""

import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import patcher.report
from patcher.auditing.model import AuditReport
from patcher.registry import declaration, declared


@dataclass(frozen=True, slots=True)
class Options:
    """How much to show. `colour` allows escape sequences."""

    verbose: bool = False
    colour: bool = False


@dataclass(frozen=True, slots=True)
class Form:
    """A row of the registry: one file of this package each, named `FORM` there.

    `render` yields the text in pieces, so that a long report is never held twice. `wants_around`: it shows
    the instructions around each finding, so they should be gathered.
    """

    name: str
    render: Callable[[AuditReport, Options], Iterator[str]]
    wants_around: bool = False


@cache
def forms() -> dict[str, Form]:
    """Every form by its name, sorted."""
    found = declared(patcher.report.__name__, patcher.report.__path__, "FORM", Form, "form")
    return dict(sorted(found.items()))


def form(name: str) -> Form | None:
    """One form by its name, without loading the others when it has the module that its name suggests."""
    for module in (name, f"{name}_report"):
        if importlib.util.find_spec(f"{patcher.report.__name__}.{module}") is not None:
            found = declaration(f"{patcher.report.__name__}.{module}", "FORM", Form)
            if found is not None and found.name == name:
                return found
    return forms().get(name)
