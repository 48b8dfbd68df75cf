# SPDX-License-Identifier: GPL-2.0-or-later
"""The two doors to text: bytes from our own assembly, and instructions as text for people."""

import pytest

from patcher.assembler import AssemblyError, assemble
from patcher.decoder import disassemble


@pytest.mark.parametrize(
    ("text", "bits", "code"),
    [
        ("pushfl\n", 32, "9c"),
        ("lgdtl 0x1000\n", 32, "0f 01 15 00 10 00 00"),
        ("iretl; nop\n", 32, "cf 90"),
        ("call there; there: ret\n", 32, "e8 00 00 00 00 c3"),
        ("# nothing\n", 32, ""),
        ("pushfq\n", 64, "9c"),
    ],
)
def test_text_becomes_bytes(text: str, bits: int, code: str) -> None:
    assert assemble(text, 0x1000, bits) == bytes.fromhex(code)


def test_a_refused_text_is_a_sentence() -> None:
    with pytest.raises(AssemblyError, match=r"^the assembler refused text for address 0x1000: "):
        assemble("frobnicate\n", 0x1000, 32)


@pytest.mark.parametrize(
    ("code", "bits", "text"),
    [
        ("0f 01 e0", 32, "smsw eax"),
        ("e8 fb 0f 00 00", 32, "call 0x2000"),
        ("c3", 64, "ret"),
        ("f0 9c", 32, None),
        ("0f", 32, None),
        ("90 90", 32, None),
    ],
)
def test_bytes_become_text_or_nothing(code: str, bits: int, text: str | None) -> None:
    assert disassemble(bytes.fromhex(code), 0x1000, bits) == text
