# SPDX-License-Identifier: GPL-2.0-or-later
"""Names of files as reports show them: harmless to read, and every one leads back to its file."""

import os
from pathlib import Path

import pytest

from patcher.archive.shown import path_shown, shown_path

NAMES = [
    (b"boot/a b.elf", "boot/a b.elf"),
    (b"bang!x", r"bang\x21x"),
    (b"bang\\x21x", r"bang\x5cx21x"),
    (b"new\nline\r\t\x1b[m", r"new\nline\r\t\x1b[m"),
    (b"\xff\x85", r"\xff\x85"),
    ("\u0085".encode(), r"\u0085"),
    ("rlo\u202egpj.exe".encode(), r"rlo\u202egpj.exe"),
    ("tag\U000e0041".encode(), r"tag\U000e0041"),
    ("Käse".encode(), "Käse"),
]


@pytest.mark.parametrize(("name", "shown"), NAMES)
def test_names_are_shown_and_found_again(name: bytes, shown: str) -> None:
    assert shown_path(Path(os.fsdecode(name))) == shown
    assert path_shown(shown) == name


def test_what_nothing_is_shown_as_stays() -> None:
    assert path_shown(r"\ud800 \U00110000 \q") == rb"\ud800 \U00110000 \q"
    assert path_shown("\ud800") == rb"\ud800"
