# SPDX-License-Identifier: GPL-2.0-or-later
"""Every source file says its licence and what it is for, and has a name that says something."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SPDX = "SPDX-License-Identifier: GPL-2.0-or-later"
EMPTY_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "core", "manager"}
SOURCES = sorted(p for folder in ("patcher", "guests", "vmm", "tests") for p in (ROOT / folder).rglob("*.py"))
PACKAGE_SOURCES = [p for p in SOURCES if p.relative_to(ROOT).parts[0] != "tests"]


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_a_file_begins_with_licence_and_docstring(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith(f"# {SPDX}\n"), f"{relative(path)}: the first line is not the SPDX line"
    assert ast.get_docstring(ast.parse(text)), f"{relative(path)}: no docstring says what the file is for"


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_a_module_has_a_telling_name(path: Path) -> None:
    assert not EMPTY_NAMES & {path.stem, *path.relative_to(ROOT).parent.parts}


@pytest.mark.parametrize("path", sorted((ROOT / "guests").rglob("*.s")), ids=relative)
def test_a_guest_source_says_its_licence(path: Path) -> None:
    assert SPDX in path.read_text(encoding="utf-8").splitlines()[0]


def test_tests_are_no_packages() -> None:
    """With importmode=importlib an __init__.py would give a test module two names."""
    assert not list((ROOT / "tests").rglob("__init__.py"))
