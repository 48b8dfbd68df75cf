# SPDX-License-Identifier: GPL-2.0-or-later
"""Versions of the program, of Python and of the engines, told without loading an engine."""

import platform
from importlib.metadata import PackageNotFoundError, version

from vmm import __version__

#: Distributions whose version matters in a bug report.
ENGINES = ("unicorn", "capstone", "keystone-engine")


def distribution_version(name: str) -> str:
    """What the installed distribution says of itself, or "not installed"."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def versions() -> dict[str, str]:
    """Program or distribution -> version."""
    ours = {"patchvisor": __version__, "python": platform.python_version()}
    return ours | {name: distribution_version(name) for name in ENGINES}
