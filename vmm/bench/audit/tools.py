# SPDX-License-Identifier: GPL-2.0-or-later
"""The compiler's tools, which a user's machine need not have: found on PATH, run with a time limit."""

import os
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from vmm.errors import VmmError

BUILD_TOOLS: Final = ("gcc", "as", "ld", "strip")
_SECONDS: Final = 60


class ToolError(VmmError):
    """A tool that is missing, or that refused its input."""


def missing(names: Iterable[str] = BUILD_TOOLS) -> tuple[str, ...]:
    """Those of these tools that PATH does not hold."""
    return tuple(name for name in names if shutil.which(name) is None)


def require(names: Iterable[str] = BUILD_TOOLS) -> None:
    """Raise a `ToolError` that names the tools that are missing."""
    absent = missing(names)
    if absent:
        raise ToolError(
            f"Not on PATH: {', '.join(absent)}; the corpora are assembled here (Debian: gcc and binutils)."
        )


def call(arguments: Sequence[str], folder: Path) -> str:
    """Run a tool in a folder and return its standard output; raises `ToolError` with what it complained of."""
    environment = {**os.environ, "LC_ALL": "C", "SOURCE_DATE_EPOCH": "0"}
    try:
        done = subprocess.run(
            arguments, cwd=folder, env=environment, capture_output=True, timeout=_SECONDS, check=False
        )
    except FileNotFoundError:
        raise ToolError(f"{arguments[0]} is not on PATH.") from None
    except subprocess.TimeoutExpired:
        raise ToolError(f"{arguments[0]} did not end in {_SECONDS} s.") from None
    if done.returncode != 0:
        complaint = done.stderr.decode(errors="replace").strip()[:2000]
        raise ToolError(f"{' '.join(arguments)} failed: {complaint}")
    return done.stdout.decode("latin-1")
