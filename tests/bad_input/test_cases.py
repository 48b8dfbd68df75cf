# SPDX-License-Identifier: GPL-2.0-or-later
"""Each bad image and each guest that goes wrong ends with its status and one sentence, through the command line."""

import re
from pathlib import Path

import pytest
from bad_images import GUESTS, IMAGES, Case

from vmm.cli.main import main


@pytest.mark.parametrize("case", [*IMAGES, *GUESTS], ids=str)
def test_a_bad_case_ends_with_its_status_and_sentence(
    case: Case, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "image"
    path.write_bytes(case.image)
    status = main(["run", str(path), *case.words.replace("FILE", str(path)).split()])
    said = capfd.readouterr().err
    assert status == case.status, said
    assert "Traceback" not in said
    sentence = case.sentence.replace("FILE", re.escape(str(path)))
    first = said.split("\n")[0]
    assert re.fullmatch(f"patchvisor: ({sentence})" if sentence else "", first), first
    if case.status != 80:
        assert said.count("\n") <= 1


def test_names_are_unique() -> None:
    names = [case.name for case in (*IMAGES, *GUESTS)]
    assert len(names) == len(set(names))
