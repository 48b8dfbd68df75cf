# SPDX-License-Identifier: GPL-2.0-or-later
"""QEMU's spelling of options: one dash or two, whole words only, values that begin with a dash."""

import click
import pytest

from vmm.cli.qemu_options import normalise

SPELLINGS = {"-kernel": True, "-m": True, "-d": True, "-no-reboot": False, "--stats": False, "--until": True}


def words(text: str) -> list[str]:
    return list(normalise(text.split(), SPELLINGS))


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("-kernel k -m 64", "-kernel k -m 64"),
        ("--kernel k --m 64", "-kernel k -m 64"),
        ("-stats --no-reboot", "--stats -no-reboot"),
        ("--until=a=b", "--until a=b"),
        ("-kernel -m", "-kernel -m"),
        ("image - -m 1", "image - -m 1"),
        ("-m 1 -- -kernel", "-m 1 -- -kernel"),
    ],
)
def test_options_come_out_as_declared(text: str, normal: str) -> None:
    assert words(text) == normal.split()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("-machine pc", "-machine: invalid option"),
        ("-dfoo", "-dfoo: invalid option"),
        ("-kernal k", "-kernal: invalid option (did you mean -kernel?)"),
        ("--stat", "--stat: invalid option (did you mean --stats?)"),
        ("--stats=yes", "--stats=yes: invalid option (did you mean --stats?)"),
        ("-kernel", "-kernel: requires an argument"),
    ],
)
def test_wrong_options_are_named_whole(text: str, sentence: str) -> None:
    with pytest.raises(click.UsageError) as caught:
        words(text)
    assert caught.value.message == sentence
