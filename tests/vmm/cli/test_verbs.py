# SPDX-License-Identifier: GPL-2.0-or-later
"""The group and its small verbs: discovery by folder, guests, doctor, version."""

import importlib
import json

import click
import pytest

import guests
import vmm
from vmm.cli import checks
from vmm.cli.checks import Check, Finding, State
from vmm.cli.main import VERBS, VerbGroup, group


def verb_names() -> list[str]:
    return sorted(path.stem for path in VERBS.glob("[!_]*.py"))


def test_every_file_of_the_folder_is_a_verb(patchvisor) -> None:
    assert verb_names()
    shown = patchvisor("--help").out
    for name in verb_names():
        assert f"\n  {name.replace('_', '-')} " in shown


@pytest.mark.parametrize("name", verb_names())
def test_a_verb_has_help_for_itself_and_its_options(name: str) -> None:
    command = importlib.import_module(f"vmm.cli.verbs.{name}").command
    assert command.name == name.replace("_", "-")
    assert command.get_short_help_str().endswith(".")
    undocumented = [p.name for p in command.params if isinstance(p, click.Option) and not p.help]
    assert not undocumented


def test_a_dropped_file_is_a_verb(monkeypatch, tmp_path) -> None:
    (tmp_path / "new_verb.py").write_text("")
    monkeypatch.setattr("vmm.cli.main.VERBS", tmp_path)
    assert VerbGroup().list_commands(click.Context(group)) == ["new-verb"]


def test_an_unknown_verb_is_named(patchvisor) -> None:
    said = patchvisor("rum")
    assert (said.status, said.out) == (2, "")
    assert said.err.startswith("patchvisor: No such command 'rum'.")


def test_no_verb_shows_the_help_on_stderr(patchvisor) -> None:
    said = patchvisor()
    assert (said.status, said.out) == (2, "")
    assert said.err.startswith("Usage: patchvisor ")


def test_guests_are_listed(patchvisor) -> None:
    lines = patchvisor("guests").out.splitlines()
    assert [line.split()[0] for line in lines] == list(guests.names())
    assert any(line.startswith("hello ") and " 33 " in line for line in lines)


def test_guests_as_json_have_their_declared_values(patchvisor) -> None:
    rows = json.loads(patchvisor("guests", "--json").out)
    hello = next(row for row in rows if row["name"] == "hello")
    declared = guests.describe("hello")
    assert hello == {
        "name": "hello",
        "description": declared.description,
        "exits": [33],
        "memory": declared.memory,
    }


def test_version_names_all_parts(patchvisor) -> None:
    found = json.loads(patchvisor("version", "--json").out)
    assert list(found) == ["patchvisor", "python", "unicorn", "capstone", "keystone-engine"]
    assert found["patchvisor"] == vmm.__version__
    assert patchvisor("version").out.splitlines()[0] == f"patchvisor {vmm.__version__}"
    assert vmm.__version__ in patchvisor("--version").out


def test_doctor_finds_this_installation_whole(patchvisor) -> None:
    said = patchvisor("doctor", "--json")
    rows = {row["name"]: row for row in json.loads(said.out)}
    assert {name for name, row in rows.items() if row["state"] == "FAIL"} == set()
    assert said.status == 0
    assert set(rows) == {check.name for check in checks.CHECKS}


def look_raising() -> Finding:
    raise ImportError("no library")


def test_doctor_tells_the_cure(patchvisor, monkeypatch) -> None:
    monkeypatch.setattr(
        checks,
        "CHECKS",
        (
            Check("engine", look_raising, "install it"),
            Check("cache", lambda: Finding(State.WEAK, "full", "make room")),
        ),
    )
    said = patchvisor("doctor")
    assert said.status == 78
    assert said.out == (
        "FAIL  engine        ImportError: no library\n"
        "                    install it\n"
        "note  cache         full\n"
        "                    make room\n"
    )


def test_a_note_is_no_failure(patchvisor, monkeypatch) -> None:
    monkeypatch.setattr(checks, "CHECKS", (Check("cache", lambda: Finding(State.WEAK, "full", "make room")),))
    assert patchvisor("doctor").status == 0


def test_a_cache_that_cannot_be_written_is_a_note(monkeypatch, tmp_path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert checks.cache().state is State.WEAK
