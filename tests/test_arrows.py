# SPDX-License-Identifier: GPL-2.0-or-later
"""Imports point one way (vmm -> guests -> patcher), and each engine has one door."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("patcher", "guests", "vmm")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))

#: package -> what it must not import.
FORBIDDEN = {"patcher": {"guests", "vmm"}, "guests": {"vmm"}, "vmm": set()}

#: engine -> the one file or folder that may import it.
DOORS = {"capstone": "patcher/decoder.py", "keystone": "patcher/assembler.py", "unicorn": "vmm/engine/"}


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """Line and top-level name of every import in the file, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name.partition(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{relative(path)}:{node.lineno}: relative import hides the arrow"
            yield node.lineno, (node.module or "").partition(".")[0]


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_imports_point_one_way(path: Path) -> None:
    package = path.relative_to(ROOT).parts[0]
    wrong = [f"line {line}: {name}" for line, name in imported(path) if name in FORBIDDEN[package]]
    assert not wrong, f"{relative(path)} imports against the arrows: {wrong}"


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_each_engine_has_one_door(path: Path) -> None:
    here = relative(path)
    wrong = [
        f"line {line}: {name} belongs to {DOORS[name]}"
        for line, name in imported(path)
        if name in DOORS and not here.startswith(DOORS[name])
    ]
    assert not wrong, f"{here}: {wrong}"


@pytest.mark.parametrize("engine", DOORS)
def test_the_door_is_used(engine: str) -> None:
    """A door that nobody goes through would make the test above pass for nothing."""
    doors = [path for path in SOURCES if relative(path).startswith(DOORS[engine])]
    assert any(name == engine for path in doors for _, name in imported(path)), f"no file of {DOORS[engine]}"
