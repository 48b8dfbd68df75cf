# SPDX-License-Identifier: GPL-2.0-or-later
"""Packages that are extended by dropping in a file: each module may hold one declaration under an agreed name."""

import importlib
import pkgutil
from collections.abc import Iterable
from typing import Protocol, TypeVar

from patcher.errors import PatcherError


class Named(Protocol):
    """A declaration: its name is claimed by one module only."""

    @property
    def name(self) -> str: ...


T = TypeVar("T", bound=Named)


def declared(
    package: str,
    path: Iterable[str],
    attribute: str,
    kind: type[T],
    what: str,
    error: type[Exception] = PatcherError,
) -> dict[str, T]:
    """Every `kind` that a module of `package` (whose `__path__` is `path`) holds as `attribute`, by its name.

    Raises `error` when two modules claim one name; `what` is what a name stands for in that sentence.
    """
    found: dict[str, T] = {}
    for info in pkgutil.iter_modules(path):
        one = declaration(f"{package}.{info.name}", attribute, kind)
        if one is None:
            continue
        if one.name in found:
            raise error(f"Two modules of {package} claim the {what} {one.name}.")
        found[one.name] = one
    return found


def declaration(module: str, attribute: str, kind: type[T]) -> T | None:
    """What one module declares, None when it declares nothing of the kind."""
    found = getattr(importlib.import_module(module), attribute, None)
    return found if isinstance(found, kind) else None
