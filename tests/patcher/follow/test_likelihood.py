# SPDX-License-Identifier: GPL-2.0-or-later
"""Bytes that the program names: text, and functions that nearly look like it."""

import pytest
from followed import BASE, follow_bytes

START = b"\xc3" + bytes(15)


def is_followed(bytes_there: bytes, at: int, bits: int) -> bool:
    """Is what lies `at` bytes behind a function followed, when a relocation names it?"""
    code = START + bytes_there
    named = BASE + len(START) + at
    found = follow_bytes(code, {"start": BASE}, bits, pointers=(named,))
    return found.flow.lengths[0, bits][named - BASE] > 0


@pytest.mark.parametrize(
    ("bits", "code"),
    [
        (64, "55 41574156415541545350 4863 c3 c3"),  # push rbp r15 r14 r13 r12 rbx rax; movsxd: "UAWAVAUATSPHc"
        (64, "41574156415541545553 4863 ff c3"),
        (32, "68 00404000 58 c3"),  # push $0x404000: "h", "@@"
    ],
)
def test_functions_that_begin_with_letters(bits: int, code: str) -> None:
    assert is_followed(bytes.fromhex(code), 0, bits)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        (b"inf\0nan\0\x8d\xb4\x26\0\0\0\0\xc3", 4),  # "nan": outsb, popa, outsb
        (b"\x90\x90\x90\x90c\0cpu\0msr\0\xc3", 4),
        (b"\x90\x90\x90\x90hello\0\xc3", 4),
        (b"l\0n\0m\0o\0\0\0\xc3", 0),
        (b"lines of text without an end \xc3", 0),
    ],
)
def test_text_is_no_function(text: bytes, at: int) -> None:
    assert not is_followed(text, at, 32)
