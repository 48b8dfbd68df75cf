# SPDX-License-Identifier: GPL-2.0-or-later
"""What a newcomer meets first is true: the README's commands, CI's command, the version, the licence."""

import os
import re
import tomllib
from pathlib import Path

import vmm

ROOT = Path(__file__).resolve().parent.parent


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def readme_commands() -> list[str]:
    """The shell commands of the README's first screen."""
    first_screen = "\n".join(read("README.md").splitlines()[:40])
    return [block.strip() for block in re.findall(r"```sh\n(.*?)```", first_screen, re.DOTALL)]


def test_the_readme_opens_with_two_one_line_commands() -> None:
    run, test = readme_commands()[:2]
    for command in (run, test):
        assert "\n" not in command
        assert command.startswith("python3 -m venv .venv && .venv/bin/pip install ")
    assert run.endswith(".venv/bin/patchvisor run hello")
    assert ".venv/bin/python -m pytest" in test


def test_ci_runs_the_second_command_and_the_checks() -> None:
    script = read(".ci/run")
    assert readme_commands()[1] in script
    assert ".venv/bin/ruff check ." in script
    assert ".venv/bin/mypy" in script
    assert os.access(ROOT / ".ci/run", os.X_OK)


def test_the_changelog_has_the_version() -> None:
    assert f"## {vmm.__version__}" in read("CHANGELOG.md")


def test_the_project_file_names_licence_and_command() -> None:
    project = tomllib.loads(read("pyproject.toml"))["project"]
    assert project["license"] == "GPL-2.0-or-later"
    assert project["scripts"] == {"patchvisor": "vmm.cli.main:main"}
    assert "GNU GENERAL PUBLIC LICENSE" in read("LICENSE")
