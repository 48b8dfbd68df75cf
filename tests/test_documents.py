# SPDX-License-Identifier: GPL-2.0-or-later
"""Documents name files, options and tests that exist."""

import re
from pathlib import Path

import pytest

from vmm.cli.run_options import options

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = (ROOT / "README.md", ROOT / "guests" / "README.md", *sorted((ROOT / "docs").glob("*.md")))
#: A file or folder of this tree, in backticks.
NAMED = re.compile(r"`((?:patcher|vmm|guests|tests|docs)/[\w./-]*)`")


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_files_that_are_named_exist(document: Path) -> None:
    missing = [
        path for path in NAMED.findall(document.read_text(encoding="utf-8")) if not (ROOT / path).exists()
    ]
    assert not missing


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_links_lead_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8"))
    assert not [link for link in links if not (document.parent / link).exists()]


def test_the_readme_tells_every_option_of_run() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    spellings = {opt for param in options() if param.param_type_name == "option" for opt in param.opts}
    assert not {spelling for spelling in spellings if not re.search(rf"`{re.escape(spelling)}\b", text)}


def test_every_promise_names_its_tests_or_is_pending() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (P\d) \| .+ \| (.+) \|$", text, re.MULTILINE)
    assert [row[0] for row in rows] == [f"P{number}" for number in range(1, 8)]
    assert not [promise for promise, kept in rows if kept != "pending" and not re.search(r"`tests/", kept)]
