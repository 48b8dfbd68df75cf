# SPDX-License-Identifier: GPL-2.0-or-later
"""What a rendering of an audit declares, and the registry of all of them."""

import importlib
import importlib.util
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import patcher.report
from patcher.auditing.model import AuditReport
from patcher.errors import PatcherError


@dataclass(frozen=True, slots=True)
class Options:
    """How much to show. `width` is that of the terminal in columns; `colour` allows escape sequences."""

    verbose: bool = False
    width: int = 100
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
    found: dict[str, Form] = {}
    for info in pkgutil.iter_modules(patcher.report.__path__):
        form = getattr(importlib.import_module(f"{patcher.report.__name__}.{info.name}"), "FORM", None)
        if not isinstance(form, Form):
            continue
        if form.name in found:
            raise PatcherError(f"Two modules of {patcher.report.__name__} claim the form {form.name}.")
        found[form.name] = form
    return dict(sorted(found.items()))


def form(name: str) -> Form | None:
    """One form by its name, without loading the others when it has the module that its name suggests."""
    for module in (name, f"{name}_report"):
        if importlib.util.find_spec(f"{patcher.report.__name__}.{module}") is not None:
            found = getattr(importlib.import_module(f"{patcher.report.__name__}.{module}"), "FORM", None)
            if isinstance(found, Form) and found.name == name:
                return found
    return forms().get(name)
