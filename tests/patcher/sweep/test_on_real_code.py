# SPDX-License-Identifier: GPL-2.0-or-later
"""The sweep over code of this machine's own libraries, in every code size."""

from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from sweep_reference import decoded

from patcher.decoder import lengths
from patcher.sweep import linear, sweep

LIBRARIES = ("libc.so.6", "libcrypto.so.3", "libm.so.6", "libstdc++.so.6", "libpython3.11.so.1.0")
BITS = (16, 32, 64)
SIZE = 150_000


def code_of(path: Path) -> bytes:
    """The middle of its .text."""
    with path.open("rb") as file:
        text = ELFFile(file).get_section_by_name(".text").data()
    return text[len(text) // 2 :][:SIZE]


@pytest.fixture(params=LIBRARIES)
def code(request: pytest.FixtureRequest) -> bytes:
    for folder in ("/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib"):
        path = Path(folder, request.param)
        if path.is_file():
            return code_of(path)
    pytest.skip(f"This machine has no {request.param}.")


@pytest.mark.parametrize("bits", BITS)
def test_as_decoded(code: bytes, bits: int) -> None:
    """Code of another size is as good a test as any."""
    assert list(sweep(code, bits)) == decoded(code, bits)


def test_capstone_agrees(code: bytes) -> None:
    """What is found lies at the beginning of an instruction for Capstone too, as far as it decodes at all."""
    beginnings, offset = set(), 0
    for length in lengths(code, 64):
        beginnings.add((offset, length))
        offset += length
    assert {found for found in sweep(code, 64) if found[0] < offset} <= beginnings


def test_the_decoder_is_hardly_ever_asked(code: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """The expression knows what compilers write; if it did not, nothing but the speed would tell."""
    asked = []
    ask = linear._decoded
    monkeypatch.setattr(linear, "_decoded", lambda *where: asked.append(where) or ask(*where))
    assert list(sweep(code, 64)) is not None
    assert len(asked) < len(code) / 2000
